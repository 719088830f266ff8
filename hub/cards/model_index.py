"""Convert scores to and from the results of a `model-index`.

Fields of Hugging Face's format hold benchmark, language, split, benchmark digest, metric and value:

    dataset.type, .name   benchmark        metrics[].type    metric
    dataset.config        language         metrics[].value   value
    dataset.split         split            metrics[].args    everything else: provenance, source, interval …
    dataset.revision      benchmark digest
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from hub.records import Provenance, Score

if TYPE_CHECKING:
    from huggingface_hub.repocard_data import EvalResult

_PLACED = {"metric", "value", "benchmark", "language", "split", "benchmark_digest"}
_ARGUMENTS = {each.name: each for each in dataclasses.fields(Score) if each.name not in _PLACED}
_NUMBERS = {"low", "high"}
_WHOLE_NUMBERS = {"sample_size", "seed"}


def to_result(score: Score, task: str) -> EvalResult:
    """Convert a score to a result of a `model-index`."""
    from huggingface_hub.repocard_data import EvalResult

    arguments: dict[str, Any] = {"provenance": score.provenance.value, "source": score.source}
    for name, field in _ARGUMENTS.items():
        value = getattr(score, name)
        if name not in arguments and value != field.default:
            arguments[name] = value
    return EvalResult(
        task_type=task,
        dataset_type=score.benchmark,
        dataset_name=score.benchmark,
        dataset_config=score.language or None,
        dataset_split=score.split or None,
        dataset_revision=score.benchmark_digest or None,
        metric_type=score.metric,
        metric_value=score.value,
        metric_args=arguments,
    )


def from_result(result: EvalResult) -> tuple[Score | None, list[str]]:
    """Return the score of a result and no problems, or None and its problems.

    A result without provenance, from another library's card, counts as reported by its source.
    """
    arguments = result.metric_args if isinstance(result.metric_args, dict) else {}
    where = f"score {result.metric_type} on {result.dataset_type}"
    problems = [f"{where}: unknown field `{name}`" for name in arguments if name not in _ARGUMENTS]
    value = _number(result.metric_value)
    if value is None:
        problems.append(f"{where}: {result.metric_value!r} is not a number")
    fields: dict[str, Any] = {name: given for name, given in arguments.items() if name in _ARGUMENTS}
    problems += [
        f"{where}: `{name}` is {given!r}, not text" for name, given in fields.items() if not _fits(name, given)
    ]
    try:
        fields["provenance"] = Provenance(fields.get("provenance", Provenance.REPORTED))
    except ValueError:
        known = ", ".join(Provenance)
        problems.append(f"{where}: provenance {fields['provenance']!r} is not one of {known}")
    fields.setdefault("source", " ".join(filter(None, (result.source_name, result.source_url))))
    if not fields["source"]:
        problems.append(f"{where}: a score needs a source (reported: author and publication; measured: the run)")
    if fields["provenance"] == Provenance.DISPUTED and not fields.get("reason"):
        problems.append(f"{where}: a disputed score needs a reason")
    if fields.get("better", "up") not in {"up", "down"}:
        problems.append(f"{where}: better is `up` or `down`, not {fields['better']!r}")
    if problems or value is None:
        return None, problems
    return Score(
        metric=str(result.metric_type),
        value=value,
        benchmark=str(result.dataset_type),
        language=str(result.dataset_config or ""),
        split=str(result.dataset_split or ""),
        benchmark_digest=str(result.dataset_revision or ""),
        **fields,
    ), []


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _fits(name: str, value: object) -> bool:
    if name in _NUMBERS:
        return value is None or _number(value) is not None
    if name in _WHOLE_NUMBERS:
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    return isinstance(value, str)
