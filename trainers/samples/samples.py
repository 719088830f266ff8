"""Sample images of a few fixed prompts, generated at intervals to show the progress of training."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor, nn

from hub.errors import InvalidRequest
from hub.images.contact_sheet import SheetRow, contact_sheet
from trainers.corpora.corpus import Corpus, Prompt
from trainers.inputs.features import FeatureDataset
from trainers.loop.failures import catch_write_errors
from trainers.loop.progress import RESUME_ADVICE, Progress
from trainers.samples.generate_samples import generate_samples, to_pil, with_prompts

FOLDER = "samples"
COUNT = 5
"""Prompts per language."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """Which sample images to generate. They do not affect training, so a resumed run can change them."""

    every: int = 0
    """Updates between two contact sheets of a phase; 0 generates none."""
    prompts: tuple[str, ...] = ()
    """Prompts in addition to those of the corpus."""


class Samples:
    """Generates the same prompts from the same noise each time, with the current weights of a module."""

    def __init__(
        self, features: FeatureDataset, prompts: Sequence[Prompt], folder: Path, seed: int, every: int
    ) -> None:
        """Contact sheets are saved as `<folder>/<phase>-<step>.png`, every `every` updates of a phase."""
        self.every = every
        self._features = with_prompts(features, prompts)
        self._prompts = tuple(prompts)
        self._folder = folder
        self._seed = seed

    def fill(self, needs: Sequence[str]) -> None:
        """Compute the states of the prompts, for modules that read states: later, the encoders may not be on the device."""
        own = ["states"] if "states" in needs else []
        self._features.fill([*own, "teacher"] if own and self._features.prompt_rules.empty == "base" else own)

    def show(self, module: nn.Module, phase: str, step: int, progress: Progress) -> None:
        """Write one contact sheet to a file and to TensorBoard, and leave the module in evaluation mode.

        The processes divide the images among them, and the main one writes the sheet. Raises `Unreachable`.
        """
        started = time.perf_counter()
        module.eval()
        images_N3HW = generate_samples(module, self._features, seed=self._seed)
        if progress.main:
            self._write(images_N3HW, phase, step, progress)
        progress.leave_out(time.perf_counter() - started)

    def _write(self, images_N3HW: Tensor, phase: str, step: int, progress: Progress) -> None:
        title = f"{phase}, step {step}"
        image = sample_sheet(self._prompts, images_N3HW, title)
        metadata = PngInfo()
        metadata.add_itxt("prompts", json.dumps([[p.language, p.text] for p in self._prompts], ensure_ascii=False))
        content = io.BytesIO()
        image.save(content, "png", pnginfo=metadata)
        path = self._folder / f"{phase}-{step:07d}.png"
        with catch_write_errors("the sample images", RESUME_ADVICE):
            self._folder.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".part").write_bytes(content.getvalue())
            path.with_suffix(".part").replace(path)
        progress.add_image(FOLDER, step, image)


def choose_prompts(corpus: Corpus, languages: Sequence[str], texts: Sequence[str]) -> list[Prompt]:
    """Choose a few prompts of each language's seen split, of the same concepts if possible, followed by `texts`.

    Raises `InvalidRequest` if there are no prompts.
    """
    seen = {tag: {prompt.concept: prompt for prompt in corpus.prompts(tag, "seen")} for tag in languages}
    everywhere = [concept for concept in next(iter(seen.values())) if all(concept in own for own in seen.values())]
    prompts = [own[concept] for own in seen.values() for concept in _spread(everywhere or list(own))]
    prompts += [Prompt(text, "", text, text) for text in texts]
    if not prompts:
        raise InvalidRequest(
            f"the corpus `{corpus.name}` has no seen prompts in {', '.join(languages)} for sample images: add some with "
            "`--sample-prompt`, or omit `--sample-every`."
        )
    return prompts


def sample_sheet(prompts: Sequence[Prompt], images_N3HW: Tensor, title: str) -> Image.Image:
    """Arrange images (N, 3, H, W) in a row per language, each above its meaning in English; other texts come last."""
    pairs = zip(prompts, to_pil(images_N3HW), strict=True)
    rows: list[SheetRow] = []
    for language, group in itertools.groupby(pairs, key=lambda each: each[0].language):
        label = f"{title}: {language}" if language else title
        while some := [*itertools.islice(group, COUNT)]:
            rows.append(SheetRow(label, [image for _, image in some], [prompt.meaning for prompt, _ in some]))
    return contact_sheet(rows)


def _spread(concepts: Sequence[str]) -> list[str]:
    """Choose concepts at even distances, since neighbours are often similar."""
    count = min(COUNT, len(concepts))
    return [concepts[place * len(concepts) // count] for place in range(count)]
