"""Benchmarks by name: a lazy table, open to other packages through the entry-point group `hub.benchmarks`.

[project.entry-points."hub.benchmarks"]
my-benchmark = "my_package.my_benchmark:MyEvaluator"        # called with no arguments, gives an Evaluator
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hub.plugins import load

if TYPE_CHECKING:
    from trainers.evaluation.evaluator import Evaluator

GROUP = "hub.benchmarks"
BENCHMARKS = {
    "emoji-generation": "trainers.evaluation.generation:GenerationEvaluator",
    "emoji-retrieval": "trainers.evaluation.retrieval:RetrievalEvaluator",
    "emoji-retrieval-mclip": "trainers.evaluation.recall:MclipProtocolEvaluator",
}
"""Name → `module:class` of those that come with the project."""


def get_evaluator(name: str) -> Evaluator:
    """The evaluator of the benchmark called `name`, or UnknownBenchmark."""
    return cast("Evaluator", load(GROUP, name, BENCHMARKS)())
