"""Effects: one file per thing touched. Plain async functions; `shells.py` wraps them for Prefect."""
