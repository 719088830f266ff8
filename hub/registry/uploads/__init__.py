"""Uploads that no revision names yet."""
