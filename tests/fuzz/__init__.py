"""Hostile requests by grammar, sent to a real server."""
