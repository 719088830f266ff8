"""Prefixes of metrics: what a score in a card is about, when it is not about how well the artifact does."""

from __future__ import annotations

from typing import Protocol


class Named(Protocol):
    """A score, or a row of one."""

    @property
    def metric(self) -> str:
        """`r_precision_at_1`, `fid[judge]` …"""


BASE_ALONE = "base_alone_"
"""Prefix of metrics of the untranslated prompt on the base, in a module's card."""
ENGLISH_BASE = "english_base_"
"""Prefix of metrics of the English prompts of the same concepts on the base."""
CONTROLS = (BASE_ALONE, ENGLISH_BASE, "english_drop_", "fid_floor", "kid_floor", "judge_ceiling_")
"""Prefixes of metrics of the base, the benchmark or its judge, which put a module's own scores into perspective."""
COSTS = ("training_", "trainable_", "cost_", "file_size", "latency_", "peak_memory")
"""Prefixes of metrics of what a module costs, not of how well it does."""
PARITY = "parity_"
"""Prefix of metrics that divide a score by the base's English score."""


def is_control(score: Named) -> bool:
    """Return whether the score is not about the artifact whose card contains it."""
    return score.metric.startswith(CONTROLS)
