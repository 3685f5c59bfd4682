"""Churn Buster: only the file it exports; nothing is called there."""
