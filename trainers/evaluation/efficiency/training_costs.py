"""Find the training cost of a module and its size on disk, from its run record and its files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from hub.errors import DamagedFile
from hub.local import LocalHub
from hub.records import Artifact, Provenance, Score, Variant
from hub.registry.index.ranking import HEADLINES
from hub.scores.metrics import is_control
from hub.weights.header import SUFFIX, count_parameters
from trainers.evaluation.evaluator import EvaluationSubject

MEGABYTE = 1e6
SECONDS, DOLLARS = "s", "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One number that does not depend on the machine that evaluates."""

    metric: str
    value: float
    unit: str
    details: str
    language: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """The run record of a module, as far as it is known."""

    device: str
    device_seconds: float
    parameters: int | None
    """Number of trained parameters; None if the record lacks it."""

    @classmethod
    def read(cls, config: Path) -> TrainingRun | None:
        """Return the record in a config.json, or None for a module that was trained elsewhere. Raises `DamagedFile`."""
        try:
            run = json.loads(config.read_text(encoding="utf-8")).get("run") or {}
            if not run.keys() & {"device_seconds", "parameters"}:
                return None
            seconds, trained = float(run["device_seconds"]), run.get("parameters")
            parameters = None if trained is None else int(trained)
            if not 0 <= seconds < math.inf or (parameters is not None and parameters < 0):
                raise ValueError(f"{seconds:g} device-seconds, {parameters} parameters")  # noqa: TRY301 - one message for all
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise DamagedFile(
                f"the run record in `{config.parent.name}/{config.name}` cannot be true or read ({reason}): train the module again, or "
                "remove `run` from the file."
            ) from error
        return cls(device=str(run.get("device") or "unknown device"), device_seconds=seconds, parameters=parameters)


def variant_of(artifact: Artifact, base: str) -> Variant | None:
    """Return the variant of an artifact for a base, or None for a base, an encoder, or weights of another base."""
    short = base.rpartition("/")[2]
    return next((each for each in artifact.variants if each.base.name.rpartition("/")[2] == short), None)


def static_costs(subject: EvaluationSubject, hub: LocalHub, price_per_hour: float | None) -> Iterator[Cost]:
    """Yield size, trained parameters and training of a published subject; what is not known is left out. Raises `DamagedFile`."""
    artifact = subject.artifact
    if artifact is None or not artifact.weights_digest:
        return
    variant = variant_of(artifact, subject.base)
    prefix = f"{variant.folder}/" if variant else ""
    files = [
        each for each in hub.registry.revision(artifact.name, artifact.revision).files if each.path.startswith(prefix)
    ]
    size_bytes = sum(each.size_bytes for each in files)
    yield Cost(
        metric="file_size", value=size_bytes / MEGABYTE, unit="MB", details=f"{len(files)} files, {size_bytes:,} bytes"
    )
    if variant is None:
        return
    folder = hub.snapshot(artifact.name, artifact.revision) / variant.folder
    run = TrainingRun.read(folder / "config.json")
    trained, counted = _trained_parameters(folder, run)
    if trained is not None:
        yield Cost(metric="trainable_parameters", value=trained, unit="parameters", details=counted)
        if whole := base_parameters(subject):
            share = f"{counted}; the base has {whole:,} parameters"
            yield Cost(metric="trainable_share", value=trained / whole, unit="1", details=share)
    if run is not None:
        record = f"run record: {run.device_seconds:g} device-seconds on {run.device}"
        yield Cost(
            metric=f"training_device_seconds[{run.device}]", value=run.device_seconds, unit=SECONDS, details=record
        )
        if price_per_hour is not None:
            price = f"{price_per_hour:g} {DOLLARS}/h"
            yield Cost(
                metric=f"training_cost[{run.device}; {price}]", value=run.device_seconds / 3600 * price_per_hour, unit=DOLLARS,
                details=f"{record}, at {price}",
            )  # fmt: skip


def costs_per_point(
    subject: EvaluationSubject, hub: LocalHub, language: str, split: str, price_per_hour: float | None
) -> Iterator[Cost]:
    """Yield the training cost per point (hundredth) of the headline score in a language; none without a run record or a score."""
    artifact = subject.artifact
    variant = variant_of(artifact, subject.base) if artifact is not None and artifact.weights_digest else None
    if artifact is None or variant is None:
        return
    run = TrainingRun.read(hub.snapshot(artifact.name, artifact.revision) / variant.folder / "config.json")
    headline = headline_of(artifact.scores, subject.base, language, split)
    if run is None or headline is None:
        return
    points = headline.value * (1 if headline.unit == "%" else 100)
    what = f"{headline.metric} on {headline.benchmark}"
    details = f"{what}/{split}, {language}: {headline.value:g}, {headline.provenance.value}; {run.device_seconds:g} device-seconds"
    where = {"language": language, "split": split, "details": details}
    yield Cost(
        metric=f"cost_device_seconds_per_point[{what}; {run.device}]", value=run.device_seconds / points, unit="s per point", **where
    )  # fmt: skip
    if price_per_hour is not None:
        yield Cost(
            metric=f"cost_per_point[{what}; {run.device}; {price_per_hour:g} {DOLLARS}/h]",
            value=run.device_seconds / 3600 * price_per_hour / points, unit="USD per point", **where,
        )  # fmt: skip


def headline_of(scores: Sequence[Score], base: str, language: str, split: str) -> Score | None:
    """Return the most informative share above 0 of a base, language and split; one that this hub reproduced before others."""
    short = base.rpartition("/")[2]
    found = [
        score for score in scores
        if score.metric in HEADLINES and score.unit in {"1", "%"} and score.better == "up" and score.value > 0
        and not is_control(score) and score.provenance in {Provenance.REPRODUCED, Provenance.SELF_REPORTED}
        and (score.language, score.split) == (language, split) and score.base.rpartition("/")[2] in {"", short}
    ]  # fmt: skip
    order = tuple(Provenance)
    return min(found, key=lambda score: (HEADLINES.index(score.metric), order.index(score.provenance)), default=None)


def base_parameters(subject: EvaluationSubject) -> int:
    """Return the number of parameters of the base, or of the dual encoder, that the subject is on."""
    if subject.retriever is not None:
        return _count(subject.retriever.dual.model)
    components: dict[str, Any] = getattr(subject.plain, "components", {})
    return sum(_count(part) for part in components.values() if isinstance(part, nn.Module))


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _trained_parameters(folder: Path, run: TrainingRun | None) -> tuple[int | None, str]:
    """Return the trained parameters and where they were read; None for a compressed change of the base without a record."""
    if run is not None and run.parameters is not None:
        return run.parameters, "run record"
    if json.loads((folder / "config.json").read_text(encoding="utf-8")).get("delta"):
        return None, ""  # The stored weights were computed from the trained ones.
    total = 0
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        with path.open("rb") as opened:
            total += sum(count_parameters(opened).values())
    return total or None, "parameters of the files"
