"""Place the parts of a training method for its diagram, once from left to right and once from top to bottom for narrow screens.

The chain that a prompt passes is one line. The loss stands beside the parts whose outputs it reads, and on its other side stands what it
compares them with.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from hub.catalogue.method_facts import ChainPart, MethodPage

WIDTH, HEIGHT = 158, 60
"""Size of a box, in the units of the diagram."""
GAP = 30
"""Between two boxes of a line."""
LINE = 16
"""Between two lines of a text."""
LETTERS, NARROW_LETTERS = 8.6, 18
"""Units of a letter of the loss, in wide fonts and with a margin, and letters of its lines where it is one box wide."""
_STATES = {"frozen": "frozen", "trained": "trained", "copied": "a copy is trained", "": ""}
_NAMES = {"encoder": "multilingual encoder"}


@dataclass(frozen=True, slots=True)
class Box:
    """A box with lines of text: the first is its name."""

    x: float
    y: float
    width: float
    height: float
    state: str
    """`frozen`, `trained`, `copied`, `loss`, or empty for inputs and outputs."""
    lines: tuple[tuple[float, str], ...]
    """Height of the baseline, and text."""

    @property
    def middle(self) -> float:
        """Horizontal middle."""
        return self.x + self.width / 2


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram in its own units."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    """Paths of SVG."""


def wide(page: MethodPage) -> Diagram:
    """Return the diagram from left to right: the chain, the loss below it, and the other side of the loss below that."""
    chain, meets = _chain(page), _meets(page)
    step = WIDTH + GAP
    boxes = [_box(each, number * step, 0) for number, each in enumerate(chain)]
    arrows = [f"M{box.x + WIDTH} {HEIGHT / 2}h{GAP - 2}" for box in boxes[:-1]]
    first, last = meets[0], meets[-1]
    span = (last - first) * step + WIDTH
    text = textwrap.wrap(f"Loss: {page.compares}", int(span / LETTERS))
    loss = Box(
        first * step,
        HEIGHT + GAP,
        span,
        LINE * len(text) + 24,
        "loss",
        _lines(text, HEIGHT + GAP, LINE * len(text) + 24),
    )
    arrows += [f"M{boxes[each].middle} {HEIGHT}v{GAP - 2}" for each in meets]
    boxes.append(loss)
    bottom = loss.y + loss.height
    if page.side:
        start = max(0, first + 1 - len(page.side))
        side = [_box(each, (start + number) * step, bottom + GAP) for number, each in enumerate(page.side)]
        arrows += [f"M{box.x + WIDTH} {box.y + HEIGHT / 2}h{GAP - 2}" for box in side[:-1]]
        arrows.append(f"M{side[-1].middle} {side[-1].y}v{2 - GAP}")
        boxes += side
        bottom = side[-1].y + HEIGHT
    return Diagram(max(box.x + box.width for box in boxes), bottom, tuple(boxes), tuple(arrows))


def tall(page: MethodPage) -> Diagram:
    """Return the diagram from top to bottom: the chain, the loss to its right, and the other side of the loss below it."""
    chain, meets = _chain(page), _meets(page)
    step, right = HEIGHT + GAP * 0.7, WIDTH + GAP
    boxes = [_box(each, 0, number * step) for number, each in enumerate(chain)]
    arrows = [f"M{WIDTH / 2} {box.y + HEIGHT}v{step - HEIGHT - 2}" for box in boxes[:-1]]
    first, last = meets[0], meets[-1]
    text = textwrap.wrap(f"Loss: {page.compares}", NARROW_LETTERS)
    height = max((last - first) * step + HEIGHT, LINE * len(text) + 18)
    loss = Box(right, first * step, WIDTH, height, "loss", _lines(text, first * step, height))
    arrows += [f"M{WIDTH} {boxes[each].y + HEIGHT / 2}h{GAP - 2}" for each in meets]
    boxes.append(loss)
    top = loss.y + loss.height + step - HEIGHT
    for number, each in enumerate(reversed(page.side)):
        boxes.append(_box(each, right, top + number * step))
        arrows.append(f"M{right + WIDTH / 2} {top + number * step}v{2 - (step - HEIGHT)}")
    bottom = max(box.y + box.height for box in boxes)
    return Diagram(right + WIDTH, bottom, tuple(boxes), tuple(arrows))


def in_words(page: MethodPage) -> str:
    """Return the chain as text, for screen readers."""
    parts = [f"{_name(each)}{f' ({_STATES[each.state]})' if each.state else ''}" for each in _chain(page)]
    return f"{' → '.join(parts)}. The loss compares {page.compares}."


def _chain(page: MethodPage) -> list[ChainPart]:
    return [ChainPart(part="prompt", state=""), *page.chain, ChainPart(part=page.output, state="")]


def _meets(page: MethodPage) -> list[int]:
    """Return the places of the parts that the loss reads in the chain."""
    return [number for number, each in enumerate(_chain(page)) if each.part in page.meets] or [len(page.chain)]


def _name(part: ChainPart) -> str:
    return _NAMES.get(part.part, part.part)


def _box(part: ChainPart, x: float, y: float) -> Box:
    text = [_name(part), *filter(None, (_STATES[part.state], part.note))]
    return Box(x, y, WIDTH, HEIGHT, part.state, _lines(text, y, HEIGHT))


def _lines(text: list[str], y: float, height: float) -> tuple[tuple[float, str], ...]:
    """Return the lines of a text with their baselines, in the vertical middle of a box."""
    top = y + height / 2 - LINE * len(text) / 2 + 12
    return tuple((round(top + LINE * number, 1), line) for number, line in enumerate(text))
