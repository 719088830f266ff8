"""Modules for the tiny SDXL."""

from tests.builders.models.pooled_head import module_folder

__all__ = ["module_folder"]
