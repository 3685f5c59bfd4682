"""standard: any sender that keeps to Standard Webhooks."""
