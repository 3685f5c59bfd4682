"""twilio: the vendor for SMS."""
