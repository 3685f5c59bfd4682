"""What support edits: pages of rules and texts, and the readers that turn them into frozen values or findings."""
