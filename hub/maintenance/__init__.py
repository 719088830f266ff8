"""Verify, repair, garbage-collect, back up and restore registry and store."""
