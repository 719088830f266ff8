"""Builders of small real objects for tests, and the root of the project."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
