"""Modules that change a base."""

from tests.builders.models.changes import make_change

__all__ = ["make_change"]
