"""Modules that change a base."""

from tests.builders.models.changes import make_change
from tests.builders.models.pooled_head import module_folder

__all__ = ["make_change", "module_folder"]
