"""Choose the number of torch threads for small models.

Two threads on two cores make small steps slower, because they wait for each other. docs/internals/performance-training.md and
docs/internals/performance-loading.md have the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

THREADS_ON_TWO_CORES = 2
"""Torch's default number of threads on a CPU with two cores."""
SMALL = 100_000_000
"""Parameters of the largest models that count as small."""


@contextmanager
def limit_threads(device: torch.device, parameters: int = 0) -> Iterator[None]:
    """Use one thread for models of at most `SMALL` parameters on a CPU with two cores, and restore the number afterwards."""
    before = torch.get_num_threads()
    if device.type == "cpu" and before == THREADS_ON_TWO_CORES and parameters <= SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
