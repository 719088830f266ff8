"""Small real things to test with, and where the project is."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
