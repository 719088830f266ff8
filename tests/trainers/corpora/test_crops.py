"""The sizes of images are read from their headers once, and crops are cut out of whole images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hub.errors import DamagedFile, InvalidRequest
from tests.builders.training.captions import CAPTIONS, LAYOUTS, as_folder, image, opened
from trainers.corpora.captioned import CaptionedCorpus
from trainers.corpora.columns import Columns
from trainers.corpora.corpus import Croppable
from trainers.corpora.crop import Crop, cut
from trainers.corpora.emoji import EmojiCorpus
from trainers.corpora.image_sizes import HEADER, open_sizes


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_tells_the_sizes_of_its_images_and_cuts_them(layout: str, tmp_path: Path) -> None:
    shapes = [(40 + number, 24 + 2 * number) for number in range(len(CAPTIONS))]
    corpus = opened(LAYOUTS[layout](tmp_path / "own", CAPTIONS, [image(n, shape) for n, shape in enumerate(shapes)]))
    concepts = [each.concept for each in corpus.gallery("seen")]
    sizes = corpus.sizes(concepts)
    found = {(height, width) for height, width in sizes.tolist()}
    assert len(found) == len(concepts)
    assert found < {(height, width) for width, height in shapes}
    crops = [Crop((16, 20), 0, 2, (16, 12)), Crop((12, 12), 0, 0, (16, 12))]
    cuts = corpus.crops([concepts[3], concepts[3]], crops)
    assert cuts.shape == (2, 3, 16, 12)
    assert torch.equal(cuts[0, :, 5, 5], corpus.images([concepts[3]])[0, :, 5, 5])


def test_headers_are_read_once_and_no_more_than_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert len(file.getvalue()) > 4 * HEADER
    corpus = opened(as_folder(tmp_path / "own", CAPTIONS[:2], [file.getvalue()] * 2))
    read: list[int] = []
    own = corpus._source.read

    def listen(*arguments: Any) -> bytes:
        content = own(*arguments)
        read.append(len(content))
        return content

    monkeypatch.setattr(corpus._source, "read", listen)
    concepts = [f"own/{number}.png" for number in range(2)]
    for _ in range(2):
        assert corpus.sizes(concepts).tolist() == [[300, 200]] * 2
    assert read == [HEADER, HEADER]
    assert opened(tmp_path / "own").sizes(concepts[:1]).tolist() == [[300, 200]]


def test_a_size_after_much_metadata_is_found(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "JPEG", exif=b"Exif\0\0" + bytes(40_000), icc_profile=bytes(60_000))
    content = file.getvalue()
    found = open_sizes(tmp_path / "a.npy", 2, lambda row, count: content[:count] if row else None)
    assert found.tolist() == [[0, 0], [20, 30]]


def test_many_images_without_a_size_are_refused(tmp_path: Path) -> None:
    images = [image(0), *[b"no image"] * 5]
    corpus = opened(as_folder(tmp_path / "own", CAPTIONS[:6], images))
    with pytest.raises(DamagedFile, match=r"5 of 6 images of `own` cannot be read, such as own/1\.png"):
        corpus.sizes([f"own/{number}.png" for number in range(6)])


def test_texts_alone_have_no_sizes(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"en": "dog"}\n')
    corpus = CaptionedCorpus(str(tmp_path / "texts.jsonl"), Columns("", (("en", "en"),)), 16, tmp_path)
    with pytest.raises(InvalidRequest, match="has no images"):
        corpus.sizes(["texts.jsonl/1"])


def test_emoji_are_cropped() -> None:
    corpus = EmojiCorpus()
    assert isinstance(corpus, Croppable)
    concepts = [each.concept for each in corpus.gallery("seen")[:2]]
    assert corpus.sizes(concepts).tolist() == [[64, 64], [64, 64]]
    found = corpus.crops(concepts, [Crop((64, 64), 8, 4, (32, 48)), Crop((64, 64), 8, 4, (32, 48), True)])
    images = corpus.images(concepts)
    assert torch.equal(found[0], images[0, :, 8:40, 4:52])
    assert torch.equal(found[1], images[1].flip(2)[:, 8:40, 4:52])


def test_a_crop_is_cut_after_the_image_is_resized_and_mirrored() -> None:
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    found = cut(Image.fromarray(pixels), Crop((4, 6), 1, 2, (3, 4), True))
    assert np.array_equal(found, pixels[:, ::-1][1:4, 2:6])
