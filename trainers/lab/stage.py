"""What every stage of the lab's training takes on its command line."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from trainers.loop.recipe import Recipe

CARDS = Path("cards")
WORK = Path("build/lab")
"""Runs, checkpoints and fp32 weights; git ignores it."""


def parser_of(documentation: str | None) -> argparse.ArgumentParser:
    """With `--work` and `--share`."""
    parser = argparse.ArgumentParser(description=documentation, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="where runs and weights are kept")
    parser.add_argument("--share", type=float, default=1.0, help="share of the steps: 0.001 tries everything out")
    return parser


def shorten(recipe: Recipe, share: float) -> Recipe:
    """The recipe with a share of its steps, two at least."""
    if share == 1:
        return recipe
    steps = max(2, round(recipe.steps * share))
    return replace(recipe, steps=steps, warmup_steps=min(recipe.warmup_steps, steps // 2))
