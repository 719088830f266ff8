"""Artifacts, revisions, branches and files: reading and recording them."""
