"""Repositories of another hub: asked for there when somebody wants them here, and kept. See docs/mirror.md."""
