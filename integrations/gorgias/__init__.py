"""gorgias: the vendor for helpdesk."""
