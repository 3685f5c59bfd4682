"""What prefect.yaml cannot say: server and worker as processes, the work pool, applying and mending."""
