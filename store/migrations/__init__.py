"""The schema's history. Revisions are plain SQL and never change once released; `store.schema` runs them."""
