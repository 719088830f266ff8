"""The prompts of a cell: those of the corpus's splits, and three sets of the study's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hub.local import LocalHub
from trainers.corpora.corpus import Corpus, Prompt
from trainers.corpora.emoji_dataset import World
from trainers.evaluation.evaluator import EvaluationTask
from trainers.lab.study.cells import Cell
from trainers.lab.study.experiments import CULTURE, MIXED, PEOPLE
from trainers.loop.sampler import seed_of

TONES = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")
GENDERS = (("1f468", "1f469", "1f9d1"), ("1f466", "1f467", "1f9d2"), ("1f474", "1f475", "1f9d3"))
"""Concepts that differ in gender alone: man, woman, person; boy, girl, child; old man, old woman, older person."""
SHOWN = ("2764", "1f418", "1f34c", "1f697", "1f419", "1f3e0", "1f33b", "2615")
"""Concepts of the contact sheets: red heart, elephant, banana, automobile, octopus, house, sunflower, hot beverage."""


class Prompts:
    """Chooses prompts; equal cells of different subjects have the same ones."""

    def __init__(self, corpus: Corpus, hub: LocalHub) -> None:
        self.corpus, self._hub = corpus, hub
        self._world = World()

    def task(self, cell: Cell) -> EvaluationTask:
        """Return the task of a cell on one of the corpus's splits."""
        return EvaluationTask(self.corpus, cell.split, cell.language, self._hub, cell.count, cell.seed, quiet=True)

    def of(self, cell: Cell) -> list[Prompt]:
        """Return the prompts of a cell."""
        if cell.split == PEOPLE:
            return self.people(cell.language)
        if cell.split == CULTURE:
            return self.culture(cell.language)
        if cell.split in MIXED:
            task = self.task(replace(cell, split="combinations", count=0))
            return mixed(task.prompts(), first_in_english=cell.split == MIXED[0])[: cell.count or None]
        return self.task(cell).prompts()

    def gallery(self, split: str) -> list[Prompt]:
        """Return the English names among which an image of a split must be recognised."""
        return self.corpus.gallery(
            "combinations" if split in {PEOPLE, *MIXED} else "seen" if split == CULTURE else split
        )

    def people(self, language: str) -> list[Prompt]:
        """Return the names of people of each gender and skin tone."""
        wanted = {f"{person}-{tone}" for group in GENDERS for person in group for tone in TONES}
        return [each for each in self._named(language) if each.concept in wanted]

    def culture(self, language: str) -> list[Prompt]:
        """Return the names of base emoji that CLDR's English keywords ascribe to a culture; none is held out in this language."""
        cultural = {id for id, row in self._world.concepts.items() if row["culture"] and row["role"] == "base"}
        return [each for each in self.corpus.prompts(language, "seen") if each.concept in cultural]

    def shown(self, language: str) -> list[Prompt]:
        """Return the prompts of a contact sheet, from any split."""
        named = {each.concept: each for each in self._named(language)}
        return [named[concept] for concept in SHOWN if concept in named]

    def _named(self, language: str) -> list[Prompt]:
        english = {name.concept: name.name for name in self._world.named("en")}
        return [
            Prompt(name.name, language, name.concept, english[name.concept])
            for name in self._world.named(language)
            if name.concept in english
        ]


def mixed(prompts: Sequence[Prompt], *, first_in_english: bool) -> list[Prompt]:
    """Return prompts of two parts with one of them in English, in an order that depends on the concept alone."""
    found = []
    for prompt in sorted(prompts, key=lambda each: seed_of(0, "mixed", each.concept)):
        own, english = prompt.text.replace("：", ": ").split(": "), prompt.meaning.split(": ")
        if len(own) != 2 or len(english) != 2:
            continue
        parts = (english[0], own[1]) if first_in_english else (own[0], english[1])
        found.append(replace(prompt, text=": ".join(part.strip() for part in parts)))
    return found
