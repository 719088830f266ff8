"""Command-line options that all training stages of the lab share."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from trainers.loop.recipe import Recipe

CARDS = Path("cards")
WORK = Path("build/lab")
"""Folder of runs, checkpoints and fp32 weights; ignored by git."""


def make_parser(documentation: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options `--work` and `--share`."""
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="folder of runs and weights")
    parser.add_argument(
        "--share", type=float, default=1.0, help="fraction of the training steps: 0.001 for a trial run"
    )
    return parser


def scale_steps(recipe: Recipe, share: float) -> Recipe:
    """Return the recipe with a fraction of its steps, at least two."""
    if share == 1:
        return recipe
    steps = max(2, round(recipe.steps * share))
    return replace(recipe, steps=steps, warmup_steps=min(recipe.warmup_steps, steps // 2))
