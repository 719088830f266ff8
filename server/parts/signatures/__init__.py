"""Signatures of revisions, and the keys that accounts sign with."""

FILE = "model.sig"
"""The signature among the files of a revision."""
