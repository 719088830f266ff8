"""Recommend what to load, or to train, for languages on a base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hub.advice.ready import Excluded, Ready, find_ready
from hub.advice.tables import PRICE_PER_HOUR, Criterion, criteria
from hub.advice.ways_to_train import Training, ways_to_train
from hub.errors import InvalidRequest
from hub.languages import language_name
from hub.publish.composition import find_base
from hub.records import Artifact
from hub.registry import CURATED_OWNER, Registry
from hub.store import BlobStore

MAX_LANGUAGES = 20
"""Languages of one question."""
MAX_SHOWN = 10
"""Modules, and excluded ones, of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The languages and base to recommend for, with limits."""

    languages: tuple[str, ...]
    """Tags, as `hub.languages.parse_language` returns them."""
    base: str
    """Any name of a base."""
    budget: float | None = None
    """Dollars for training; None without a limit."""
    needs: tuple[str, ...] = ()
    """Names of the study's criteria, such as `culture`."""
    max_vram: float | None = None
    """Gigabytes of device memory for the weights of base, encoder and module; None without a limit."""
    price_per_hour: float = PRICE_PER_HOUR
    """Dollars of an accelerator."""
    readers: tuple[str, ...] | None = None
    """See `Query.readers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """An answer."""

    base: Artifact
    languages: tuple[str, ...]
    sentences: tuple[str, ...]
    ready: tuple[Ready, ...]
    """Modules that can be loaded now, the best first."""
    excluded: tuple[Excluded, ...]
    missing: tuple[str, ...]
    """Languages that no ready module was trained on."""
    training: tuple[Training, ...]
    """Ways to train a module, the most promising first."""
    refused: dict[str, str]
    """Method → why it cannot train one."""
    study: tuple[Criterion, ...]
    """The study's criteria that are about the question."""


def known_needs() -> list[str]:
    """Return the values of `Question.needs`."""
    return [each.need for each in criteria()]


def recommend(registry: Registry, store: BlobStore, question: Question) -> Advice:
    """Answer a question. Raises UnknownBase, and InvalidRequest for a question without languages or with an unknown need."""
    check(question)
    base = find_base(registry, question.base, question.readers)
    ready, excluded = find_ready(
        registry, store, base, question.languages, max_vram=question.max_vram, readers=question.readers
    )
    served = {each.language for found in ready for each in found.languages if not each.zero_shot}
    missing = tuple(each for each in question.languages if each not in served)
    training, refused = advise_training(registry, store, base, missing or question.languages, question)
    return Advice(
        base=base,
        languages=question.languages,
        sentences=tuple(_sentences(base, question, ready, missing, training)),
        ready=tuple(ready[:MAX_SHOWN]),
        excluded=tuple(excluded[:MAX_SHOWN]),
        missing=missing,
        training=tuple(training),
        refused=refused,
        study=_applied(question),
    )


def advise_training(
    registry: Registry, store: BlobStore, base: Artifact, languages: Sequence[str], question: Question
) -> tuple[list[Training], dict[str, str]]:
    """Return the ways to train a module for `languages`, the most promising first, and why each other method does not."""
    return ways_to_train(
        registry, store, base, languages, applied=_applied(question), needs=question.needs, budget=question.budget,
        price_per_hour=question.price_per_hour,
    )  # fmt: skip


def _applied(question: Question) -> tuple[Criterion, ...]:
    """Return the study's criteria that are about a question."""
    return tuple(
        each
        for each in criteria()
        if each.applies(needs=question.needs, budget=question.budget, languages=len(question.languages))
    )


def check(question: Question) -> None:
    """Raise InvalidRequest for a question that cannot be answered."""
    if not question.languages:
        raise InvalidRequest("missing --lang: name at least one language, for example `--lang yo`.")
    if len(question.languages) > MAX_LANGUAGES:
        raise InvalidRequest(f"{len(question.languages)} languages at once: ask about at most {MAX_LANGUAGES}.")
    for name in ("budget", "max_vram", "price_per_hour"):
        value = getattr(question, name)
        if value is not None and not 0 < value < 1e12:
            raise InvalidRequest(f"`{name}` is {value:g}: give a positive number.")
    for need in question.needs:
        if need not in known_needs():
            raise InvalidRequest(f"unknown need `{need}`: choose one of {', '.join(known_needs())}.")


def _sentences(
    base: Artifact, question: Question, ready: Sequence[Ready], missing: Sequence[str], training: Sequence[Training]
) -> list[str]:
    on = f"`{base.name.name}`"
    said = []
    if ready:
        first = ready[0]
        name = _short(first.module)
        languages = _listed(each.language for each in first.languages)
        note = "" if not all(each.zero_shot for each in first.languages) else ", zero-shot"
        reason = (
            f": {first.why[0]}" if any(each.score for each in first.languages) else ", for which there are no scores"
        )
        said.append(f"Load `{name}` for {languages} on {on}{note}{reason}.")
    if missing:
        said.append(f"No module for {on} was trained on {_listed(missing)}.")
    elif ready and len(ready[0].languages) < len(question.languages):
        said.append(
            "No single module supports all of these languages: load one for each; `load_pipeline` takes a list."
        )
    if not training:
        said.append(f"`hub train` has no method for {on}.")
        return said
    best = training[0]
    if missing or not ready:
        if best.within_budget is False:
            said.append(
                f"Every method with a known cost is above ${question.budget:,.0f}; the first in the list is `{best.method}`."
            )
        said.append(f"Train one with `{best.command}`: {_about(best, question)}.")
    return said


def _about(training: Training, question: Question) -> str:
    parts = [training.data]
    if training.device_seconds is not None:
        hours = training.device_seconds / 3600
        minutes = max(1, round(training.device_seconds / 60))
        time = f"{hours:,.1f} hours" if hours >= 1 else f"{minutes} minute{'s' * (minutes > 1)}"
        parts.append(f"about {time} on one {training.device}")
    if training.dollars is not None:
        parts.append(f"${training.dollars:,.2f} at ${question.price_per_hour:g} per hour")
    if training.evidence is not None:
        known = training.evidence
        parts.append(f"median {known.metric} {known.median:.3g} on {known.benchmark}/{known.split} with `{known.base}`")
    return "; ".join(parts)


def _listed(languages: Any) -> str:
    return " and ".join(language_name(each) for each in languages)


def _short(artifact: Artifact) -> str:
    return str(artifact.name).removeprefix(f"{CURATED_OWNER}/")


def as_json(advice: Advice) -> dict[str, Any]:
    """Return advice as the API and `--json` write it."""
    return {
        "base": str(advice.base.name),
        "languages": list(advice.languages),
        "advice": list(advice.sentences),
        "ready": [
            {
                "artifact": str(each.module.name),
                "kind": each.module.kind,
                "method": each.module.method,
                "made_for_it": each.fit.made_for_it,
                "languages": [asdict(known) for known in each.languages],
                "memory_gigabytes": round(each.memory.gigabytes, 2),
                "dtype": each.memory.dtype,
                "why": list(each.why),
                "unknown": list(each.unknown),
                "load": f'load_pipeline("{advice.base.name.name}", adapter="{_short(each.module)}")',
            }
            for each in advice.ready
        ],
        "excluded": [asdict(each) for each in advice.excluded],
        "missing": list(advice.missing),
        "training": [
            {**asdict(each), "study": list(each.study), "unknown": list(each.unknown)} for each in advice.training
        ],
        "refused": advice.refused,
        "study": [
            {
                "need": each.need,
                "says": each.says,
                "verdict": each.verdict,
                "found": each.found,
                "methods": list(each.methods),
            }
            for each in advice.study
        ],
    }
