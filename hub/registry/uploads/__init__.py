"""Uploads that no revision references yet."""
