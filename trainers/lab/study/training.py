"""Train the subjects of the study, through the same code as `hub train`."""

from __future__ import annotations

import csv
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hub.loader.merge_modules import merge
from hub.local import LocalHub
from trainers import defaults
from trainers.corpora.corpus import Corpus
from trainers.lab.study.cells import WorkFolder, write_whole
from trainers.lab.study.plan import Settings
from trainers.lab.study.subjects import RECIPES, Subject, Training
from trainers.loop.sampler import seed_of
from trainers.options import request_from_options
from trainers.run import RunRequest, prepare
from trainers.run_folder import REQUEST_FILE
from trainers.samples.samples import SampleRequest
from trainers.train_and_publish import train_and_publish


def train_subject(
    subject: Subject, work: WorkFolder, settings: Settings, corpus: Corpus, hub: LocalHub
) -> dict[str, Any]:
    """Train or merge a subject below the work folder, and return what it cost. A run that was stopped is resumed.

    Raises the errors of `hub train` and `hub merge`.
    """
    training = subject.training
    assert training is not None
    run = work.module(subject.name)
    if training.merged:
        folder = artifact(subject.name, work)
        parts = [str(artifact(name, work)) for name in training.merged]
        if not folder.is_dir():
            merge(parts, folder, hub=hub)
        return {
            "bytes": _bytes(folder),
            "parameters": 0,
            "device_seconds": 0.0,
            "phases": {},
            "merged": list(training.merged),
        }
    request = request_for(training, work, settings, corpus)
    started = time.process_time()
    ready = prepare(request, hub, torch.device("cpu"), quiet=True)
    ready.features.fill(
        ready.plan.needs
    )  # Methods share the computations of frozen models, so their time is reported separately.
    del ready
    cached = time.process_time()
    outcome = train_and_publish(
        request, hub, name=subject.name, out=run, sample=SampleRequest(), price_per_hour=0.0, prompts=0, push=False,
        resume=(run / REQUEST_FILE).is_file(), overwrite=False, quiet=True,
    )  # fmt: skip
    assert outcome is not None, "one process trains alone"
    trained = outcome.trained
    for finished in run.glob("[0-9]-*"):  # Checkpoints, ten times as large as the artifact.
        shutil.rmtree(finished)
    return {
        "cache_cpu_seconds": round(cached - started, 1),
        "train_cpu_seconds": round(time.process_time() - cached, 1),
        "bytes": _bytes(outcome.folder),
        "parameters": trained.parameters,
        "device_seconds": round(trained.device_seconds, 1),
        "phases": {phase.name: phase.recipe.steps for phase in trained.plan.phases},
        "seconds": {name: round(value, 1) for name, value in trained.seconds.items()},
        "losses": {phase: losses.get("loss") for phase, losses in trained.losses.items()},
        "device": trained.device,
    }


def request_for(training: Training, work: WorkFolder, settings: Settings, corpus: Corpus) -> RunRequest:
    """Return the request of `hub train` for a subject."""
    place, columns = defaults.CORPUS, list[str]()
    if training.pairs is not None:
        (tag,) = training.languages
        path = write_pairs(work.folder / f"{tag}-{training.pairs}.csv", corpus, tag, training.pairs)
        place, columns = str(path), ["en=en", f"{tag}={tag}"]
    request = request_from_options(
        training.method, base=training.base or settings.base, encoder="", corpus=place, lang=training.languages, image_column="",
        caption_column=columns, held_out_share=0.0 if columns else defaults.HELD_OUT_SHARE,
        recipe=str(RECIPES / f"{training.recipe}.yaml") if training.recipe else "", sets=training.sets, device="cpu",
        steps=settings.updates_of(training), seed=training.seed,
        parent=str(artifact(training.parent, work)) if training.parent else "",
    )  # fmt: skip
    return replace(request, recipe=training.recipe and Path(request.recipe).name)


def write_pairs(path: Path, corpus: Corpus, language: str, count: int) -> Path:
    """Write all English names that are seen in training to a CSV file, and `count` names of a language beside theirs."""
    english = {prompt.concept: prompt.text for prompt in corpus.prompts("en", "seen")}
    names = {prompt.concept: prompt.text for prompt in corpus.prompts(language, "seen") if prompt.concept in english}
    chosen = set(sorted(names, key=lambda concept: seed_of(0, "pairs", concept))[:count])
    lines = [("id", "en", language)]
    lines += [(concept, english[concept], names[concept] if concept in chosen else "") for concept in sorted(english)]
    unfinished = path.with_suffix(".part.csv")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(lines)
    write_whole(path, unfinished.read_text(encoding="utf-8"))
    unfinished.unlink()
    return path


def artifact(name: str, work: WorkFolder) -> Path:
    """Return the folder of a trained subject's artifact."""
    return work.module(name) / name


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != "README.md")
