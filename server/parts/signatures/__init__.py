"""Signatures of revisions, and the keys that accounts sign with."""
