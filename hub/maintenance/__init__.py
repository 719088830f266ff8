"""Verify, repair, collect garbage, back up and restore."""
