"""Repositories of another hub, fetched on demand and stored. See docs/mirror.md."""
