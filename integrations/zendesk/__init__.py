"""zendesk: the vendor for helpdesk."""
