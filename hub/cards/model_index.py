"""Convert scores to and from the results of a `model-index`.

Fields of Hugging Face's format hold benchmark, language, split, benchmark digest, metric and value:

    dataset.type, .name   benchmark        metrics[].type    metric
    dataset.config        language         metrics[].value   value
    dataset.split         split            metrics[].args    everything else: provenance, source, interval …
    dataset.revision      benchmark digest

`provenance` in a card says how the number came about: `measured` (with its run record), `reported` or `disputed`. What the
owner has measured is self-reported for everybody else; only this hub says `reproduced`, and never because a card does.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from hub.cards.score_rules import score_problems
from hub.records import Provenance, Score

if TYPE_CHECKING:
    from huggingface_hub.repocard_data import EvalResult

_PLACED = {"metric", "value", "benchmark", "language", "split", "benchmark_digest"}
_ARGUMENTS = {each.name: each for each in dataclasses.fields(Score) if each.name not in _PLACED}
_WORDS = {"measured": Provenance.SELF_REPORTED, **{each.value: each for each in Provenance if each != Provenance.REPRODUCED}}
"""Provenance in a card → provenance of the score."""
_NUMBERS = {"low", "high"}
_WHOLE_NUMBERS = {"sample_size", "seed"}


def to_result(score: Score, task: str) -> EvalResult:
    """Convert a score to a result of a `model-index`."""
    from huggingface_hub.repocard_data import EvalResult

    is_measured = score.provenance in {Provenance.SELF_REPORTED, Provenance.REPRODUCED}
    arguments: dict[str, Any] = {
        "provenance": "measured" if is_measured else score.provenance.value,
        "source": score.source,
    }
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
    word = fields.get("provenance", Provenance.REPORTED.value)
    if word == Provenance.REPRODUCED:
        problems.append(f"{where}: a card cannot claim `reproduced`, which only this hub's own evaluation can: write `measured`")
    elif str(word) not in _WORDS:
        problems.append(f"{where}: provenance {word!r} is not one of measured, reported, disputed")
    fields["provenance"] = _WORDS.get(str(word))
    fields.setdefault("source", " ".join(filter(None, (result.source_name, result.source_url))))
    if not fields["source"]:
        problems.append(f"{where}: a score needs a source (reported: author and publication; measured: the run record)")
    if fields["provenance"] == Provenance.DISPUTED and not fields.get("reason"):
        problems.append(f"{where}: a disputed score needs a reason")
    if fields.get("better", "up") not in ("up", "down"):  # A card can hold a list here, which no set can look up.
        problems.append(f"{where}: better is `up` or `down`, not {fields['better']!r}")
    if problems or value is None:
        return None, problems
    score = Score(
        metric=str(result.metric_type),
        value=value,
        benchmark=str(result.dataset_type),
        language=str(result.dataset_config or ""),
        split=str(result.dataset_split or ""),
        benchmark_digest=str(result.dataset_revision or ""),
        **fields,
    )
    problems = [f"{where}: {problem}" for problem in score_problems(score)]
    return (None, problems) if problems else (score, [])


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
