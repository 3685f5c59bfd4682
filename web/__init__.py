"""The web: the receiver of webhooks, and the dispatcher that wakes the flows."""
