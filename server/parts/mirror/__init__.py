"""Repositories of another hub, fetched on demand and stored. See docs/publish/mirror.md."""
