"""From an order to an artifact: train, write, measure and, where it is wanted, publish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.cli.find.format_scores import as_json
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Revision, Score
from trainers import publish
from trainers import run as training
from trainers.evaluation import evaluate
from trainers.evaluation.evaluate import EvaluationRequest
from trainers.publish import Cost
from trainers.run import RunRequest, RunResult
from trainers.samples.samples import SampleRequest

SPLITS = ("seen", "pairs", "held-out")
"""Whose prompts a card's figures are measured on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order."""

    name: ArtifactName
    folder: Path
    trained: RunResult
    cost: Cost
    scores: Sequence[Score]
    revision: Revision | None
    """None when it was not published."""

    def as_json(self) -> dict[str, Any]:
        """For `hub train --json`."""
        return {
            "name": str(self.name), "folder": str(self.folder), "seconds": self.trained.seconds,
            "losses": self.trained.losses, "device_seconds": self.cost.device_seconds, "money": self.cost.money,
            "weights": self.trained.weights, "revision": self.revision.id if self.revision else "",
            "scores": [as_json(score) for score in self.scores],
        }  # fmt: skip

    def as_text(self) -> str:
        """Two lines."""
        price = self.cost.price_per_hour
        money = f", {self.cost.money:.4f} $ at {price:g} $ an hour" if price else ""
        then = f"Published as revision {self.revision.id[:12]}." if self.revision else "Publish it with `hub push`."
        return (
            f"{self.name}: {self.trained.weights / 1e6:.2f}M weights in {self.cost.device_seconds:.0f} device-seconds{money}.\n"
            f"Saved to {self.folder}. {then}"
        )


def train_and_publish(
    order: RunRequest,
    hub: LocalHub,
    *,
    name: str,
    out: Path | None,
    sample: SampleRequest,
    price_per_hour: float,
    prompts: int,
    push: bool,
    resume: bool,
    quiet: bool,
) -> Outcome | None:
    """Train below `out`, or the home's runs; `prompts` are asked per language and split, and with 0 nothing is measured.

    None in all processes but the main one, which writes what all of them learnt. Raises as `train_module`.
    """
    full = ArtifactName.parse(name or publish.default_name(order.method, order.languages), hub.home.owner)
    run = out or hub.home.runs / full.name
    trained = training.train_module(order, hub, run, resume=resume, quiet=quiet, sample=sample)
    if trained.rank:
        return None
    cost, folder = Cost(trained.device_seconds, price_per_hour), run / full.name
    publish.export(trained, folder, cost)
    publish.write_module_card(trained, folder, cost, ())
    scores: Sequence[Score] = ()
    if prompts:
        subject = evaluate.trained_subject(trained, full.name, folder, hub)
        asked = EvaluationRequest(("emoji-generation",), SPLITS, order.languages, prompts)
        scores = evaluate.compare(subject, asked, trained.corpus, hub, quiet=quiet)
        publish.write_module_card(trained, folder, cost, scores)
    message = f"Train {order.method} for {', '.join(order.languages)}"
    revision = publish.push(folder, str(full), hub, message) if push else None
    return Outcome(full, folder, trained, cost, scores, revision)
