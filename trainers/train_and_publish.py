"""Turn a training request into an artifact: train, export, evaluate and, if requested, publish."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hub.cards.card import FILE as CARD_FILE
from hub.cli.find.format_scores import as_json
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.records import Revision, Score
from trainers import publish_module
from trainers import run as training
from trainers.cost import Estimate, Speeds, count_images
from trainers.evaluation import evaluate, subjects
from trainers.evaluation.evaluate import EvaluationRequest
from trainers.loop.distributed import close_process_group, wait_for_all
from trainers.publish_module import Cost
from trainers.run import RunInputs, RunRequest, RunResult
from trainers.samples.samples import SampleRequest

SPLITS = ("seen", "pairs", "held-out")
"""Splits whose prompts the scores in a card are measured on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The artifact that a training request produced."""

    name: ArtifactName
    folder: Path
    trained: RunResult
    cost: Cost
    scores: Sequence[Score]
    revision: Revision | None
    """None if the artifact was not published."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `hub train --json`."""
        return {
            "name": str(self.name), "folder": str(self.folder), "seconds": self.trained.seconds,
            "losses": self.trained.losses, "device_seconds": self.cost.device_seconds, "money": self.cost.dollars,
            "weights": self.trained.parameters, "revision": self.revision.id if self.revision else "",
            "scores": [as_json(score) for score in self.scores],
        }  # fmt: skip

    def as_text(self) -> str:
        """Return a summary of two lines."""
        price = self.cost.price_per_hour
        dollars = f" (${self.cost.dollars:.4f} at ${price:g}/hour)" if price else ""
        then = f"Published as revision {self.revision.id[:12]}." if self.revision else "Publish it with `hub push`."
        return (
            f"{self.name}: {self.trained.parameters / 1e6:.2f}M parameters trained in "
            f"{self.cost.device_seconds:.0f} device-seconds{dollars}.\n"
            f"Saved to {self.folder}. {then}"
        )


def train_and_publish(
    request: RunRequest,
    hub: LocalHub,
    *,
    name: str,
    out: Path | None,
    sample: SampleRequest,
    price_per_hour: float,
    prompts: int,
    push: bool,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> Outcome | None:
    """Train in `out`, or below the `runs` folder of the home, and evaluate on `prompts` per language and split (0: skip).

    All processes evaluate. Returns None in all but the main one, which writes the artifact. Raises the errors of `train_module`.
    """
    full, run = run_folder(name, request, hub, out)
    speeds, estimates = Speeds(hub.home.caches), list[Estimate]()

    def tell(ready: RunInputs, device: str) -> None:
        corpus = ready.features.corpus
        draws = ready.plan.generates_images and not ready.plan.is_repository and corpus.has_images
        images = count_images(corpus, request.languages, SPLITS, prompts) if draws else 0
        steps = {phase.name: phase.recipe.steps for phase in ready.plan.phases}
        estimates.append(Estimate(steps, images))
        if not quiet:
            about = _speed_key(request, device)
            print(estimates[0].as_text(speeds, about, price_per_hour), file=sys.stderr, flush=True)

    trained = training.train_module(
        request, hub, run, resume=resume, overwrite=overwrite, quiet=quiet, sample=sample, on_ready=tell
    )
    cost, folder = Cost(trained.device_seconds, price_per_hour), run / full.name
    key = _speed_key(request, trained.device)
    if trained.rank == 0:
        for phase, steps in estimates[0].steps.items():
            speeds.remember(f"{key} {phase}", trained.seconds[phase], steps)
        _write(trained, folder, cost)
    scores: Sequence[Score] = ()
    can_evaluate = trained.corpus.has_images or trained.plan.is_repository
    if prompts and not can_evaluate and trained.rank == 0 and not quiet:
        print(
            f"Not evaluated: `{trained.corpus.name}` has no images. Use `hub evaluate` with another corpus.",
            file=sys.stderr,
        )
    if prompts and can_evaluate:
        evaluation = EvaluationRequest(("emoji-generation",), SPLITS, request.languages, prompts)
        started = time.perf_counter()
        scores = _evaluate_together(trained, folder, cost, evaluation, hub, quiet=quiet)
        if trained.rank == 0:
            speeds.remember(f"{key} image", time.perf_counter() - started, estimates[0].images)
            publish_module.write_module_card(trained, folder, cost, scores)
    close_process_group()
    if trained.rank:
        return None
    message = f"Train {request.method} for {', '.join(request.languages)}"
    revision = publish_module.push(folder, str(full), hub, message) if push else None
    return Outcome(full, folder, trained, cost, scores, revision)


def _write(trained: RunResult, folder: Path, cost: Cost) -> None:
    """Write the artifact, with a card that has no scores yet."""
    publish_module.export(trained, folder, cost)
    publish_module.write_module_card(trained, folder, cost, ())


def _evaluate_together(
    trained: RunResult, folder: Path, cost: Cost, evaluation: EvaluationRequest, hub: LocalHub, *, quiet: bool
) -> Sequence[Score]:
    """Evaluate the artifact that the main process wrote to `folder`; the processes divide the images and return the same scores."""
    wait_for_all()
    with ExitStack() as stack:
        if not (
            folder / CARD_FILE
        ).is_file():  # This machine has a separate run folder. All processes hold the same weights.
            folder = Path(stack.enter_context(TemporaryDirectory())) / folder.name
            _write(trained, folder, cost)
        subject = subjects.trained_subject(trained, folder.name, folder, hub)
        return evaluate.evaluate_for_card(subject, evaluation, trained.corpus, hub, quiet=quiet or trained.rank != 0)


def run_folder(name: str, request: RunRequest, hub: LocalHub, out: Path | None) -> tuple[ArtifactName, Path]:
    """Return the artifact's name, by default of method and languages, and the run's folder: `out`, or one in the home."""
    full = ArtifactName.parse(name or publish_module.default_name(request.method, request.languages), hub.home.owner)
    return full, out or hub.home.runs / full.name


def _speed_key(request: RunRequest, device: str) -> str:
    """Return what the speed of a run depends on most."""
    return f"{request.method} {request.base} {device}"
