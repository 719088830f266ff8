"""Signatures of revisions, and the signing keys of accounts."""

FILE = "model.sig"
"""Path of the signature in a revision."""
