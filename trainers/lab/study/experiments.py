"""The paper's open questions as small experiments: which subjects they need, and which cells.

Each experiment is a list of cells; the report interprets them. Most of its subjects are trained on texts alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainers.lab.study.cells import Cell
from trainers.lab.study.subjects import BASE, ENGLISH, FIVE, REAL, Subject, Training

CURVE = (10, 30, 100, 300, 1000)
"""Numbers of Yoruba names that a memory is trained on."""
RELATED = {"gl": ("pt", "es"), "mk": ("bg", "sr"), "ne": ("hi", "mr")}
"""A language that is held out of all training, and two related languages with data."""
FOUR, ADDED = ("sw", "hi", "zh", "ar"), "yo"
LONG = 5000
SHORT = 800
"""Updates of a module of one or two languages."""
TRAINING_SEEDS = (1, 2)
MIXED = ("mixed-first", "mixed-last")
PEOPLE, CULTURE = "people", "culture"
GROUPED = (ENGLISH, "translate", "memory-many", "mulan", "altdiffusion", "full")
"""Subjects that are measured by groups of people, on things of a culture and on code-mixed prompts."""
COMPARED = (ENGLISH, "memory-many", "mulan", "full")
"""Subjects whose images of 20 steps are compared with those of the study's number."""
SMALL = 48


def subjects() -> list[Subject]:
    """Return the subjects that only experiments need."""
    return [*_memories(), *_relatives(), *_additions()]


def _memories() -> Iterator[Subject]:
    for pairs in CURVE:
        label, training = (
            f"memory, {pairs} Yoruba names",
            Training("memory", ("yo",), pairs=pairs, steps=1000, seconds=60),
        )
        yield Subject(f"memory-yo-{pairs}", "experiment", label, "memory", ("yo",), training, reads=True)
    cards = {"yo": "memory-yo"}
    yield Subject(
        "memory-yo-all", "experiment", "memory, Yoruba names and keywords", "memory", ("yo",), None, cards, reads=True
    )
    without = Training("memory", FOUR, seconds=110)
    yield Subject("memory-four", "experiment", "memory without Yoruba", "memory", FOUR, without, reads=True)
    narrow = Training("memory", FIVE, sets=(f"module.hidden_width={SMALL}",), seconds=100)
    yield Subject(
        "memory-small", "experiment", f"memory, aligners of width {SMALL}", "memory", FIVE, narrow, reads=True
    )


def _relatives() -> Iterator[Subject]:
    for target, parents in RELATED.items():
        yield from (_texts(f"token-kd-{tag}", f"token distillation, {tag}", (tag,)) for tag in parents)
        both, listed = "-".join(parents), " and ".join(parents)
        merged = Training("token-kd", parents, merged=tuple(f"token-kd-{tag}" for tag in parents), seconds=2)
        yield Subject(f"merged-{both}", "experiment", f"merged {listed}, for {target}", "token-kd", parents, merged)
        yield _texts(f"token-kd-{both}", f"token distillation, {listed} together", parents)


def _additions() -> Iterator[Subject]:
    yield _texts("token-kd-four", "token distillation without Yoruba", FOUR, steps=None)
    yield _texts("token-kd-added", "the same, then Yoruba alone", (ADDED,), parent="token-kd-four", steps=400)
    yield _texts("token-kd-replayed", "the same, then all five", FIVE, parent="token-kd-four", steps=400)
    yield _texts("token-kd-long", f"token distillation, {LONG:,} updates", FIVE, steps=LONG)
    for seed in TRAINING_SEEDS:
        training = Training("token-kd", seed=seed, seconds=130)
        yield Subject(
            f"token-kd-seed{seed}",
            "experiment",
            f"token distillation, training seed {seed}",
            "token-kd",
            FIVE,
            training,
        )


def _texts(
    name: str, label: str, languages: tuple[str, ...], *, parent: str = "", steps: int | None = SHORT
) -> Subject:
    training = Training("token-kd", languages, parent=parent, steps=steps, seconds=130 * (steps or 1200) / 1200)
    return Subject(name, "experiment", label, "token-kd", languages, training)


def cells(count: int) -> Iterator[Cell]:
    """Return the cells of all experiments, in the order in which they are measured; `count` is the most prompts of a cell."""
    few = min(count, 64)
    yield from sampler(few)
    yield from learning_curve(count)
    yield from groups(few)
    yield from adding(count, few)
    yield from merging(count, few)
    yield from (Cell("draw", "token-kd-long", tag, split, 0, count) for tag in FIVE for split in ("seen", "pairs"))
    for seed in TRAINING_SEEDS:
        yield from (
            Cell("draw", f"token-kd-seed{seed}", tag, split, 0, count) for tag in FIVE for split in ("seen", "pairs")
        )


def sampler(count: int) -> Iterator[Cell]:
    """Return cells that show the effect of a sampler with fewer steps: the same prompts and noise with 20 steps."""
    yield from (Cell("draw", name, tag, "seen", 0, count, "steps-20") for name in COMPARED for tag in FIVE)


def learning_curve(count: int) -> Iterator[Cell]:
    """Return cells that show how many names a language needs, and how wide the aligners must be."""
    for name in [*(f"memory-yo-{pairs}" for pairs in CURVE), "memory-yo-all", "memory-four", "memory-small"]:
        yield from (Cell("text", name, "yo", split, 0, count) for split in ("pairs", "seen"))
        yield Cell("draw", name, "yo", "pairs", 0, count)
    for name in ("memory-four", "memory-small", "memory"):
        yield from (Cell("text", name, tag, "pairs", 0, count) for tag in FOUR)


def groups(count: int) -> Iterator[Cell]:
    """Return cells about code-mixed prompts, groups of people, and things that belong to a culture."""
    for name in (BASE, *GROUPED[1:]):
        yield from (Cell("draw", name, tag, split, 0, count) for tag in FIVE for split in MIXED)
    for name in (REAL, *GROUPED):
        yield from (Cell("draw", name, tag, split, 0, 0) for tag in FIVE for split in (PEOPLE, CULTURE))


def adding(count: int, few: int) -> Iterator[Cell]:
    """Return cells that show the effect on four languages of adding a fifth."""
    for name in ("token-kd-four", "token-kd-added", "token-kd-replayed", "token-kd"):
        for tag in FIVE:
            yield Cell("text", name, tag, "seen", 0, count)
            yield Cell("draw", name, tag, "seen", 0, few)


def merging(count: int, few: int) -> Iterator[Cell]:
    """Return cells about modules of related languages, merged for a language without data."""
    for target, parents in RELATED.items():
        both = "-".join(parents)
        for name in [*(f"token-kd-{tag}" for tag in parents), f"merged-{both}", f"token-kd-{both}", "token-kd"]:
            yield Cell("text", name, target, "languages", 0, 2 * count)
            yield Cell("draw", name, target, "languages", 0, few)
        for tag in parents:
            yield from (Cell("text", name, tag, "seen", 0, count) for name in (f"merged-{both}", f"token-kd-{tag}"))
