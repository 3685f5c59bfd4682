"""What `recoup` does, one module per command. Heavy imports stay inside functions, so that help is instant."""
