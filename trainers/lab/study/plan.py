"""The plan of the study: every cell, in an order that makes a partial report useful, with what it needs and how long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from trainers.lab.study import experiments
from trainers.lab.study.cells import Cell
from trainers.lab.study.subjects import (
    BASE,
    BASELINES,
    BUNDLED,
    ENGLISH,
    FIVE,
    OURS,
    PUBLISHED,
    REAL,
    RETRIEVERS,
    TABLE_LANGUAGES,
    Subject,
    Training,
)

BASES = ("emoji-sd",)
SPLITS = ("seen", "pairs")
WIDE = (ENGLISH, BASE, "translate", "memory-many", "mulan-english")
"""Subjects that generate images in every language."""
SEEDED = (
    ENGLISH, BASE, "memory-many", "memory-own", "translate", "iap-published", "pea-published", "altdiffusion-published", "mulan-published",
    "full-published", "iap",
)  # fmt: skip
"""Subjects whose headline cells are measured with every seed."""
UNTOLD = (ENGLISH, "memory-own", "mulan-own", "pea-many", "lora", "bottleneck-many", "prompt-tuning-many")
"""Subjects not measured at text level: English is its own meaning, and the others are uninformative in languages other than their own."""
SHEETS, TEXTS = ("yo", "hi"), 24
"""Languages of the contact sheets, and texts whose latency is measured."""
USUAL_UPDATES = 1200
IMAGE_S = 0.13
"""Processor time of one image of eight steps, with guidance and the judge."""
KNOWN = 0.3
"""Share of the images of subjects that read prompts as English which are new: the others have the text of an earlier image."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The size of a study. A work folder holds one study, with one of these."""

    base: str = "emoji-sd"
    headline: int = 128
    """Prompts per cell of the headline languages."""
    others: int = 32
    """Prompts per cell of the other languages."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of headline cells: they choose prompts and noise."""
    updates: int = USUAL_UPDATES
    """Updates of every trained module, over all phases."""
    steps: int = 8
    """Denoising steps."""

    def updates_of(self, training: Training) -> int:
        """Return the updates of a training over all its phases; a trial also shortens phases with their own number."""
        if training.steps is None:
            return self.updates
        return max(2, round(training.steps * min(1.0, self.updates / USUAL_UPDATES)))

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object in the work folder."""
        return {**asdict(self), "seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Settings:
        """Read what `as_json` returned."""
        return cls(**{**written, "seeds": tuple(written["seeds"])})


TRIAL = Settings(headline=3, others=2, seeds=(0,), updates=8, steps=2)
"""A study of minutes that checks that everything runs; its scores are meaningless."""


def all_subjects() -> dict[str, Subject]:
    """Return every subject by name, in the order of the tables."""
    listed = [*BASELINES, *PUBLISHED, *OURS, *BUNDLED, *RETRIEVERS, *experiments.subjects()]
    return {each.name: each for each in listed}


@dataclass(frozen=True, slots=True)
class Planned:
    """A cell, the cells whose results it needs, and the processor time that it is expected to take."""

    cell: Cell
    needs: tuple[Cell, ...]
    seconds: float


def make_plan(settings: Settings, languages: Sequence[str], held_out: Sequence[str]) -> list[Planned]:
    """Return the cells of a study in their order, each once. `languages` are those of the corpus, `held_out` those without training."""
    known = all_subjects()
    planned: dict[str, Planned] = {}
    for cell in _cells(settings, [tag for tag in languages if tag != "en"], held_out):
        for each in _with_needs(cell, known, settings):
            planned.setdefault(each.cell.key, each)
    return list(planned.values())


def split_in(language: str, held_out: Sequence[str]) -> str:
    """Return the split of names in a language that no module was trained on."""
    return "languages" if language in held_out else "pairs"


def _cells(settings: Settings, languages: Sequence[str], held_out: Sequence[str]) -> Iterator[Cell]:
    first, count = settings.seeds[0], settings.headline
    english, plain, translate, real = BASELINES
    memories, others = BUNDLED[:2], BUNDLED[2:]
    rows = [english, plain, *memories, *OURS[:5], translate, *others[:3], *OURS[5:], *PUBLISHED, *others[3:]]
    for subject in rows:
        yield from _row(subject, first, count)
    yield from _headline(real, first, count)
    for subject in RETRIEVERS:
        yield from _retrieval(subject, first, count)
    yield from experiments.sampler(min(count, 64))
    splits = {tag: split_in(tag, held_out) for tag in languages}
    yield from (
        Cell("draw", name, tag, split, first, settings.others) for name in WIDE for tag, split in splits.items()
    )
    yield from experiments.cells(count)
    for subject in (each for each in rows if each.name not in UNTOLD):
        spoken = [tag for tag in languages if tag in subject.spoken or tag not in FIVE]
        yield from (Cell("text", subject.name, tag, splits[tag], first, count) for tag in spoken)
    for seed in settings.seeds[1:]:
        again = (cell for subject in rows if subject.name in SEEDED for cell in _headline(subject, seed, count))
        yield from (cell for cell in again if cell.split != "combinations")


def _row(subject: Subject, seed: int, count: int) -> Iterator[Cell]:
    yield from _headline(subject, seed, count)
    if subject.name != ENGLISH:
        yield Cell("latency", subject.name, count=TEXTS)
    yield Cell("fid", subject.name, "", "seen", seed, count)
    yield from (Cell("sheet", subject.name, tag) for tag in SHEETS if tag in subject.spoken)


def _retrieval(subject: Subject, seed: int, count: int) -> Iterator[Cell]:
    yield Cell("retrieve", subject.name, "en", "seen", seed, count)
    for tag in dict.fromkeys((*TABLE_LANGUAGES, *FIVE)):
        yield from (Cell("retrieve", subject.name, tag, split, seed, count) for split in SPLITS)
    yield Cell("latency", subject.name, count=TEXTS)


def _headline(subject: Subject, seed: int, count: int) -> Iterator[Cell]:
    for split in (*SPLITS, "combinations"):
        for tag in subject.spoken:
            yield Cell("draw", subject.name, tag, split, seed, count)
    if subject.name not in {BASE, REAL}:
        yield Cell("draw", subject.name, "en", "seen", seed, count)


def _with_needs(cell: Cell, known: dict[str, Subject], settings: Settings) -> Iterator[Planned]:
    """Return the planned cell after the trainings that it needs."""
    needs = [Cell("train", name) for name in _trained_before(cell, known)]
    for each in needs:
        yield from _with_needs(each, known, settings)
    if cell.kind == "fid":
        needs += [replace(cell, kind="draw", language=tag) for tag in known[cell.subject].spoken]
    yield Planned(cell, tuple(needs), _seconds(cell, known, settings))


def _trained_before(cell: Cell, known: dict[str, Subject]) -> list[str]:
    """Return the subjects that must be trained before a cell can be measured."""
    if cell.subject == "clip-translate":
        return ["translate"]
    training = known[cell.subject].training
    if training is None:
        return []
    if cell.kind == "train":
        return [each for each in (training.parent, *training.merged) if each]
    return [cell.subject]


def _seconds(cell: Cell, known: dict[str, Subject], settings: Settings) -> float:
    subject = known[cell.subject]
    if cell.kind == "train":
        assert subject.training is not None
        return 4 + subject.training.seconds * min(1.0, settings.updates / USUAL_UPDATES)
    slow = 2.0 if subject.method == "memory" else 0.0
    if cell.kind != "draw":
        return {"text": 0.8, "retrieve": 8.0, "fid": 1.0, "latency": 12.0, "sheet": 4.0}[cell.kind] + slow
    steps = int(cell.variant.removeprefix("steps-")) if cell.variant.startswith("steps-") else settings.steps
    prompts = {"people": 60, "culture": 35, "pairs": min(cell.count, 95)}.get(cell.split, cell.count)
    if cell.subject == REAL:
        return 1.0
    share = KNOWN if subject.reads and cell.subject not in (BASE, "translate") else 1.0
    return 0.5 + slow + prompts * IMAGE_S * share * (0.1 + 0.9 * steps / 8)
