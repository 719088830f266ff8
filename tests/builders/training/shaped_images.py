"""A folder of captioned images of several shapes, in which every pixel differs, and a dataset of them for any base."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from tests.builders.training.captions import as_folder
from tests.builders.training.toy import WORDS
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.columns import Columns
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.latents.cropping import Cropping
from trainers.inputs.mixture import Mixture, collect_features

SHAPES = [(40, 40), (30, 60), (60, 30), (50, 52), (33, 66), (20, 80)]
"""Height and width of each image, in turn."""
COLUMNS = ("--caption-column", "en=caption_en", "--caption-column", "yo=caption_yo", "--held-out-share", "0")


def size_of(number: int, shapes: Sequence[tuple[int, int]] = SHAPES) -> tuple[int, int]:
    """Return height and width of an image."""
    return shapes[number % len(shapes)]


def draw_image(number: int, shapes: Sequence[tuple[int, int]] = SHAPES) -> Image.Image:
    """Return an image of random colours that change slowly."""
    height, width = size_of(number, shapes)
    coarse = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def shaped_folder(place: Path, *, broken: int | None = None, shapes: Sequence[tuple[int, int]] = SHAPES) -> Path:
    """Write an image of each of the toy corpus's words, and its captions."""
    captions = [{"caption_en": word, "caption_yo": yoruba} for word, (yoruba, _) in WORDS.items()]
    images = []
    for number in range(len(captions)):
        file = io.BytesIO()
        draw_image(number, shapes).save(file, "PNG")
        images.append(file.getvalue() if number != broken else file.getvalue()[:10])
    return as_folder(place, captions, images)


def shaped_features(
    folder: Path, base: FrozenBase, encoder: TextEncoder, cropping: Cropping | None, *, sampled: bool = False
) -> FeatureDataset:
    """Return the dataset of the images in `folder`, with caches beside it."""
    columns = Columns("", (("en", "caption_en"), ("yo", "caption_yo")), held_out_share=0.0)
    corpus = CaptionedCorpus(str(folder), columns, base.side, folder.parent / "caches")
    return collect_features(
        corpus, Mixture(("yo",), english_share=0.3), base, encoder, length=8, store=Store(folder.parent / "caches", "b", "e", quiet=True),
        cropping=cropping, sample_latents=sampled,
    )  # fmt: skip


def number_of(features: FeatureDataset, row: int) -> int:
    """Return the number of a text's image."""
    concept = features.concept_M[int(features.meaning_N[row])]
    return int(concept.rpartition("/")[2].removesuffix(".png"))
