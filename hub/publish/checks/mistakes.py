"""Mistakes in a folder that is published from a page, each with its file and its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from hub.cards.card import FILE, NAMESPACE, Place
from hub.cards.describe import describe_repository
from hub.cards.front_matter import split_front_matter
from hub.errors import InvalidCard
from hub.names import ArtifactName
from hub.publish.checks.bases import Find
from hub.publish.checks.check_folder import card_errors
from hub.records import DATASET

MAX_SHOWN = 200
"""Mistakes of a kind that are listed."""
_MAX_TEXT = 1000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A mistake in a file, and how to fix it."""

    file: str
    """Path in the folder; empty for the folder as a whole."""
    line: int
    """Counted from 1; 0 if the mistake has no line."""
    text: str


def card_mistakes(folder: Path, name: ArtifactName, find: Find, *, is_plain: bool) -> list[Mistake]:
    """Return the mistakes of the card and the variants in `folder`, with the same checks as `hub push`.

    `is_plain`: the artifact exists and may have a card of another library, as `hf upload` accepts it.
    """
    errors = [] if is_plain else list(card_errors(folder, name, find))
    errors = errors or list(_description_errors(folder, name))
    lines_in = cache(partial(_lines_in, folder))  # Reading a long list takes longer than checking it.
    found = [each for file, error in errors for each in _located(file, error, lines_in)]
    shown = sorted(found, key=lambda each: (each.file != FILE, each.file, each.line))[:MAX_SHOWN]
    return [Mistake(each.file, each.line, _shortened(each.text)) for each in shown]


def _shortened(text: str) -> str:
    """Return a message that may repeat a long value of the card."""
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def is_ours(text: str) -> bool:
    """Return whether a card has our part of the front matter, or cannot be read, so that this is unknown."""
    try:
        return NAMESPACE in split_front_matter(text)[0]
    except InvalidCard:
        return False


def is_dataset_card(text: str) -> bool:
    """Return whether the card describes a data set of this hub."""
    try:
        ours = split_front_matter(text)[0].get(NAMESPACE)
    except InvalidCard:
        return False
    return isinstance(ours, dict) and ours.get("kind") == DATASET


def _description_errors(folder: Path, name: ArtifactName) -> Iterator[tuple[str, InvalidCard]]:
    try:
        describe_repository(folder, name)
    except InvalidCard as error:
        yield FILE, error


def _located(file: str, error: InvalidCard, lines_in: Callable[[str], dict[Place, int]]) -> Iterator[Mistake]:
    if not error.problems:
        yield Mistake(file, error.line, str(error))
    for problem, place in error.problems:
        yield Mistake(file, _line_of(place, lines_in(file)), problem)


def _lines_in(folder: Path, file: str) -> dict[Place, int]:
    text = (folder / file).read_text(encoding="utf-8-sig", errors="replace")
    return lines_of_card(text) if file == FILE else lines_of(text)


def lines_of_card(text: str) -> dict[Place, int]:
    """Map the places in the front matter of a card to their lines."""
    rows = text.splitlines()
    end = next((number for number, row in enumerate(rows[1:], 1) if row.rstrip() == "---"), len(rows))
    return lines_of("\n".join(rows[1:end]), first_line=2)


def lines_of(text: str, *, first_line: int = 1) -> dict[Place, int]:
    """Map places in a YAML or JSON text to their lines: a value has the line of its key. Nothing for invalid text.

    The values were read with `read_yaml` or `parse_json` before, which limit their number and depth. An aliased value has one place.
    """
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError:  # Such as tabs between the values of JSON.
        return {}
    found: dict[Place, int] = {}
    seen = set[int]()
    waiting: list[tuple[Place, Any]] = [((), root)]
    while waiting:
        place, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            entries = [(key.value, key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
        elif isinstance(node, yaml.SequenceNode):
            entries = [(number, value, value) for number, value in enumerate(node.value)]
        else:
            continue
        for key, marked, value in entries:
            found[(*place, key)] = marked.start_mark.line + first_line
            waiting.append(((*place, key), value))
    return found


def _line_of(place: Place, lines: dict[Place, int]) -> int:
    """Return the line of the innermost existing value on the path to `place`; 1 if none exists."""
    found = (lines.get(place[:length], 0) for length in range(len(place), 0, -1))
    return next(filter(None, found), 1)
