"""Load benchmarks by name. Other packages add benchmarks through the entry-point group `hub.benchmarks`.

[project.entry-points."hub.benchmarks"]
my-benchmark = "my_package.my_benchmark:MyEvaluator"        # called without arguments, returns an Evaluator
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
"""Name → `module:class` of the bundled benchmarks."""


def get_evaluator(name: str) -> Evaluator:
    """Return the evaluator of the benchmark called `name`. Raises `UnknownBenchmark`."""
    return cast("Evaluator", load(GROUP, name, BENCHMARKS)())
