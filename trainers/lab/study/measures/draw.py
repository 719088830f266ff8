"""Generate the images of a cell, those that are new, and judge them.

Shape letters: N images, G gallery, D features, K features of the judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hub.local import LocalHub
from trainers.corpora.corpus import Prompt
from trainers.evaluation.fid import floor_of, frechet_distance
from trainers.evaluation.generation import GUIDANCE, JUDGE, generate_images
from trainers.evaluation.judge import Judge, ranks
from trainers.lab.study.cells import Cell
from trainers.lab.study.experiments import PEOPLE
from trainers.lab.study.measures.image_store import ImageStore, image_key
from trainers.lab.study.measures.prompts import GENDERS, TONES, Prompts
from trainers.lab.study.opened import Opened
from trainers.lab.study.subjects import REAL
from trainers.loop.sampler import generator_of

STEPS = "steps-"


class Drawing:
    """Generates and judges images; features of galleries are computed once."""

    def __init__(self, prompts: Prompts, store: ImageStore, hub: LocalHub, steps: int) -> None:
        self._prompts, self._store, self._hub, self._steps = prompts, store, hub, steps
        self._names: dict[str, tuple[dict[str, int], Tensor]] = {}

    @cached_property
    def judge(self) -> Judge:
        """The independent dual encoder."""
        return Judge.from_folder(self._hub.snapshot(JUDGE), JUDGE)

    def measure(self, cell: Cell, opened: Opened) -> dict[str, Any]:
        """Return for each prompt the rank of the right name, and the cosine of image and meaning; prompts are identified by concept."""
        prompts = self._prompts.of(cell)
        steps = self._steps_of(cell)
        read, reader = self._read(cell, opened, prompts)
        features_NK = self._features(read, reader, opened, cell, steps)
        place, names_GK = self._gallery(cell.split)
        right_N = torch.tensor([place[prompt.concept] for prompt in prompts])
        cosines_N = (F.normalize(features_NK, dim=1) * names_GK[right_N]).sum(dim=1)
        found: dict[str, Any] = {
            "concepts": [prompt.concept for prompt in prompts],
            "ranks": ranks(features_NK, names_GK, right_N).tolist(),
            "cosines": [round(value, 3) for value in cosines_N.tolist()],
            "steps": steps,
        }
        if opened.subject.reads:
            found["read"] = [int(each.text == prompt.meaning) for each, prompt in zip(read, prompts, strict=True)]
        if cell.split == PEOPLE:
            found |= self._by_group(features_NK, prompts, place, names_GK)
        return found

    def distance(self, cell: Cell, opened: Opened, languages: Sequence[str]) -> dict[str, Any]:
        """Return the Fréchet distance of the images of all languages to the gallery's real images; all were generated before."""
        every = []
        for tag in languages:
            each = Cell("draw", cell.subject, tag, cell.split, cell.seed, cell.count)
            read, reader = self._read(each, opened, self._prompts.of(each))
            every.append(self._features(read, reader, opened, each, self._steps))
        features_NK = torch.cat(every)
        real_GK = self._real
        return {
            "images": len(features_NK),
            "features": features_NK.shape[1],
            "fid": round(frechet_distance(features_NK, real_GK), 4),
            "floor": round(floor_of(real_GK, generator_of(cell.seed, "halves")), 4),
        }

    def _steps_of(self, cell: Cell) -> int:
        return int(cell.variant.removeprefix(STEPS)) if cell.variant.startswith(STEPS) else self._steps

    def _read(self, cell: Cell, opened: Opened, prompts: Sequence[Prompt]) -> tuple[list[Prompt], str]:
        """Return the prompts as they are read, and who reads them: the base, or the subject's module."""
        if opened.subject.reads:
            return opened.read(prompts, cell.language), "base"
        return list(prompts), opened.subject.name

    def _features(self, read: Sequence[Prompt], reader: str, opened: Opened, cell: Cell, steps: int) -> Tensor:
        """Return the judge's features (N, K) of the images of prompts, and generate those that are new."""
        if opened.subject.name == REAL:
            return self.judge.image_features(self._prompts.corpus.images([each.concept for each in read]).float() / 255)
        keys = [image_key(reader, each.text, each.concept, cell.seed, steps) for each in read]
        known = self._store.find(keys)
        missing = {key: each for key, each in zip(keys, read, strict=True) if key not in known}
        if missing:
            pipeline = opened.plain if reader == "base" else opened.pipeline(cell.language)
            settings = {"num_inference_steps": steps, "guidance_scale": GUIDANCE}
            images_N3HW = generate_images(
                pipeline, list(missing.values()), seed=cell.seed, quiet=True, settings=settings
            )
            new = dict(zip(missing, self.judge.image_features(images_N3HW).half().float(), strict=True))
            self._store.add(new)
            known |= new
        return torch.stack([known[key] for key in keys])

    def _gallery(self, split: str) -> tuple[dict[str, int], Tensor]:
        """Return the places of concepts in a split's gallery, and the features (G, K) of its names."""
        names = self._prompts.gallery(split)
        key = str(len(names))  # There are two galleries, of different sizes.
        if key not in self._names:
            features_GK = self.judge.text_features([each.text for each in names])
            self._names[key] = {each.concept: index for index, each in enumerate(names)}, features_GK
        return self._names[key]

    @cached_property
    def _real(self) -> Tensor:
        """Features (G, K) of the real images of base emoji."""
        concepts = [each.concept for each in self._prompts.gallery("seen")]
        return self.judge.image_features(self._prompts.corpus.images(concepts).float() / 255)

    def _by_group(
        self, features_NK: Tensor, prompts: Sequence[Prompt], place: dict[str, int], names_GK: Tensor
    ) -> dict[str, list[int]]:
        """Return for each image whether its tone is the nearest of the five, and its gender of the three, all else being equal."""
        tones, genders = [], []
        for features_K, prompt in zip(features_NK, prompts, strict=True):
            person, tone = prompt.concept.rsplit("-", 1)
            group = next(each for each in GENDERS if person in each)
            tones.append(
                self._nearest(features_K, [f"{person}-{each}" for each in TONES], prompt.concept, place, names_GK)
            )
            genders.append(
                self._nearest(features_K, [f"{each}-{tone}" for each in group], prompt.concept, place, names_GK)
            )
        return {"tone_right": tones, "gender_right": genders}

    @staticmethod
    def _nearest(features_K: Tensor, among: Sequence[str], right: str, place: dict[str, int], names_GK: Tensor) -> int:
        known = [each for each in among if each in place]
        scores = names_GK[[place[each] for each in known]] @ features_K
        return int(known[int(scores.argmax())] == right)
