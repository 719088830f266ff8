"""Say how parity is measured on a base, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

from hub.advice.tables import PRICE_PER_HOUR, costs, lab_bases
from hub.records import Artifact

PROMPTS = 128
"""Prompts of a measurement: its 95 % interval is at most 9 points wide on each side."""
JUDGE = "clip-vit-large-patch14"
"""The dual encoder that judges the images of full-size bases. It reads the English meaning, whatever the prompt's language."""

VIDEO = frozenset({"video", "text-to-video"})
"""Tags of bases whose output no benchmark here judges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementPlan:
    """How to measure a base with prompts in a language."""

    command: str
    images: int
    """In the language, and of the same prompts in English."""
    device_seconds: float | None
    """For the images alone, without loading; None if no cost is known."""
    device: str
    dollars: float | None
    source: str
    """The command that the cost comes from."""


def measurement(
    base: Artifact, language: str, module: str = "", price_per_hour: float = PRICE_PER_HOUR
) -> MeasurementPlan | None:
    """Return how to measure parity in `language`: of the base alone, or of a module's name. None for a base that makes videos."""
    if not VIDEO.isdisjoint(base.tags):
        return None
    name, images = base.name.name, 2 * PROMPTS
    subject = f"{module} --base {name}" if module else name
    if name in lab_bases():
        english = "" if module else "--lang en "
        command = (
            f"hub evaluate {subject} --benchmark emoji-generation --split seen {english}--lang {language} --n {PROMPTS}"
        )
    else:
        command = (
            f"hub evaluate {subject} --benchmark corpus-prompts --corpus emoji --split seen --lang {language} --metric parity "
            f"--judge {JUDGE} --n {PROMPTS}"
        )
    cost = costs().get(("image", name))
    seconds = cost.device_seconds * images if cost else None
    return MeasurementPlan(
        command=command, images=images, device_seconds=seconds, device=cost.device if cost else "",
        dollars=seconds / 3600 * price_per_hour if cost and cost.seconds is None and seconds is not None else None,
        source=cost.source if cost else "",
    )  # fmt: skip
