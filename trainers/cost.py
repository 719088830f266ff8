"""Estimate the cost of a run before it starts: steps, images of the evaluation, and time as measured by earlier runs here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainers.corpora.corpus import Corpus

FILE = "speeds.json"
"""Name of the file with seconds per step and per image, in the folder of caches."""
SUBJECTS, ENGLISH_SUBJECTS = 3, 2
"""Images of each prompt: through the module, by the base alone, and of its English; of an English prompt, the first two."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The work of a run."""

    steps: Mapping[str, int]
    """By phase."""
    images: int
    """Images that the evaluation generates at most. Those of the base are remembered for the next module."""

    def as_text(self, speeds: Speeds, what: str, price_per_hour: float) -> str:
        """Return the cost in one line. `what`: method, base and device, which speeds depend on."""
        training = [speeds.seconds(f"{what} {phase}", count) for phase, count in self.steps.items()]
        evaluation = speeds.seconds(f"{what} image", self.images)
        listed = ", ".join(f"{phase} {count:,}" for phase, count in self.steps.items())
        text = f"Training: {sum(self.steps.values()):,} steps ({listed}){_about(training)}."
        if self.images:
            text += f" Evaluation: up to {self.images:,} images{_about([evaluation])}; `--n` changes that, `--no-evaluate` omits it."
        known = [each for each in [*training, *([evaluation] if self.images else [])] if each is not None]
        if price_per_hour and len(known) == len(training) + bool(self.images):
            text += f" Price: about ${sum(known) / 3600 * price_per_hour:.2f}."
        return text


class Speeds:
    """Seconds per step and image of earlier runs, by what was run. A damaged file is ignored."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        self._kept: dict[str, float] = kept if isinstance(kept, dict) else {}

    def seconds(self, what: str, count: int) -> float | None:
        """Return the expected seconds of `count` steps or images, or None if none was measured."""
        each = self._kept.get(what)
        return each * count if isinstance(each, float) else None

    def remember(self, what: str, seconds: float, count: int) -> None:
        """Save a measurement. If the folder cannot be written, the next estimate has no time."""
        if count:
            self._kept[what] = float(seconds / count)
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.write_text(json.dumps(self._kept, indent=1), encoding="utf-8")
            except OSError:
                return


def count_images(corpus: Corpus, languages: Sequence[str], splits: Sequence[str], count: int) -> int:
    """Return the images that `evaluate_for_card` generates at most, for `count` prompts per language and split."""
    if not count:
        return 0
    prompts = sum(min(count, len(corpus.prompts(tag, split))) for tag in languages for split in splits)
    return prompts * SUBJECTS + min(count, len(corpus.prompts("en", "seen"))) * ENGLISH_SUBJECTS


def _about(seconds: Sequence[float | None]) -> str:
    known = [each for each in seconds if each is not None]
    if not known or len(known) < len(seconds):
        return ", time not measured here yet"
    total = sum(known)
    return f", about {total:.0f} s" if total < 120 else f", about {total / 60:.0f} min"
