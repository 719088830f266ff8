"""A corpus of user-provided images, with captions in English and other languages.

Shape letters: N images, H and W their sides.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from hub.errors import DamagedFile, InvalidRequest, Unreachable
from hub.languages import parse_language
from trainers.corpora.corpus import Example, Prompt
from trainers.corpora.rows import IMAGES, MetadataRow, read_rows
from trainers.defaults import HELD_OUT_SHARE

UNREADABLE_SHARE = 0.01
"""With a larger share of unreadable images, the dataset counts as damaged."""
HELD_OUT = "held-out"
GALLERY = 1000
"""Maximum number of images among which a generated one must be recognised."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a captioned corpus, and its held-out share."""

    image: str = ""
    """Image column; empty for the format's usual one."""
    captions: tuple[tuple[str, str], ...] = ()
    """Pairs of BCP-47 tag and caption column."""
    held_out_share: float = HELD_OUT_SHARE
    """Share of the images that are never trained on."""

    @classmethod
    def parse(cls, image: str, captions: Sequence[str], held_out_share: float) -> Columns:
        """Parse captions such as `en=caption_en` from the command line. Raises `InvalidRequest`, `UnknownLanguage`."""
        pairs = [text.partition("=") for text in captions]
        if wrong := [text for text, equals, column in pairs if not (equals and text and column)]:
            raise InvalidRequest(
                f"`{wrong[0]}` is not a caption column: write LANGUAGE=COLUMN, for example `yo=caption_yo`."
            )
        return cls(image, tuple((parse_language(tag), column) for tag, _, column in pairs), held_out_share)

    def options(self) -> list[tuple[str, object]]:
        """Return the command-line options that name these columns, without those that have their default value."""
        image = [("--image-column", self.image)] if self.image else []
        captions = [("--caption-column", f"{tag}={column}") for tag, column in self.captions]
        share = [("--held-out-share", self.held_out_share)] if self.held_out_share != HELD_OUT_SHARE else []
        return [*image, *captions, *share]


@dataclass
class ScanCounts:
    """The counts of a scan of all rows."""

    images: int = 0
    unreadable: list[str] = field(default_factory=list)
    without_english: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """By language: rows whose caption is missing or empty."""
    duplicates: Counter[str] = field(default_factory=Counter)
    """By language: captions that another row also has."""


class CaptionedCorpus:
    """Images and captions from a folder, parquet files, WebDataset shards or a dataset of the Hugging Face Hub."""

    base_splits: tuple[str, ...] = ("seen", HELD_OUT)

    def __init__(self, place: str, columns: Columns, side: int) -> None:
        """Read every image once, skipping those that cannot be decoded. `side` is in pixels.

        `place` is a folder, a file or a dataset `owner/name`; commands in cards name it as given.

        Raises `InvalidRequest` for missing columns or captions, `DamagedFile` for broken files or more than 1 % unreadable
        images, `Unreachable` for a dataset that cannot be downloaded.
        """
        if not columns.captions or "en" not in dict(columns.captions):
            raise InvalidRequest(
                f"missing caption columns of `{place}`: name English and other languages, for example `--caption-column "
                "en=caption_en --caption-column yo=caption_yo`."
            )
        self.place = place
        self.name = Path(place).name if Path(place).exists() else place
        self.counts = ScanCounts()
        self.columns = columns
        self._side, self._share = side, columns.held_out_share
        self._captions: dict[str, dict[str, str]] = {tag: {} for tag, _ in columns.captions}
        self._rows: dict[str, MetadataRow] = {}
        hashed = hashlib.sha256(f"{side} {columns.held_out_share}".encode())
        seen: dict[str, set[str]] = {tag: set() for tag, _ in columns.captions}
        for row in read_rows(_local(place), columns.image):
            self._check_columns(row, columns)
            content = self._read_image(row)
            captions = {tag: _caption(row.columns.get(column)) for tag, column in columns.captions}
            if content is None or not captions["en"]:
                self.counts.without_english += content is not None
                continue
            self._rows[row.key] = row
            hashed.update(f"{row.key} {sorted(captions.items())}".encode() + hashlib.sha256(content).digest())
            for tag, caption in captions.items():
                if not caption:
                    self.counts.missing[tag] += 1
                elif caption in seen[tag] and tag != "en":
                    self.counts.duplicates[tag] += 1
                else:
                    self.counts.duplicates[tag] += caption in seen[tag]
                    seen[tag].add(caption)
                    self._captions[tag][row.key] = caption
        self.digest = hashed.hexdigest()
        self._check_usable()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the caption columns."""
        return tuple(self._captions)

    def report(self) -> list[str]:
        """Return the counts of images and of missing captions: a line for the images and one for each language."""
        found, held_out = self.counts, sum(self._is_held_out(key) for key in self._rows)
        head = (
            f"{self.name}: {len(self._rows)} of {found.images} images ({held_out} held out); "
            f"{len(found.unreadable)} unreadable, {found.without_english} without an English caption."
        )
        lines = [head]
        for tag, captions in self._captions.items():
            kept = len(captions) - (found.duplicates[tag] if tag == "en" else 0)
            lines.append(
                f"{self.name}: {tag}: {kept} captions; {found.missing[tag]} missing or empty, "
                f"{found.duplicates[tag]} duplicates left out."
            )
        return lines

    def examples(self, language: str) -> list[Example]:
        """Return the captions of all images that are not held out, without duplicates and captions of held-out images."""
        captions = self._captions.get(language, {})
        seen = {caption for key, caption in captions.items() if self._is_held_out(key)}
        examples = []
        for key, caption in captions.items():
            if caption not in seen:
                seen.add(caption)
                examples.append(Example(caption, language, key, self._captions["en"][key]))
        return examples

    def prompts(self, language: str, split: str) -> list[Prompt]:
        """Return the captions of the `seen` or `held-out` images, at most 1,000 of each."""
        captions = self._captions.get(language, {})
        return [
            Prompt(captions[key], language, key, self._captions["en"][key])
            for key in self._chosen(split)
            if key in captions
        ]

    def gallery(self, split: str) -> list[Prompt]:
        """Return the English captions of the same images."""
        english = self._captions["en"]
        return [Prompt(english[key], "en", key, english[key]) for key in self._chosen(split)]

    def images(self, concepts: Sequence[str]) -> Tensor:
        """Return the images (N, 3, H, W), uint8: resized to the shorter side and centre-cropped."""
        squares = []
        for key in concepts:
            with Image.open(io.BytesIO(self._rows[key].read())) as opened:
                image = opened.convert("RGB")
            scale = self._side / min(image.size)
            width, height = (max(self._side, round(length * scale)) for length in image.size)
            left, top = (width - self._side) // 2, (height - self._side) // 2
            resized = image.resize((width, height), Image.Resampling.BICUBIC)
            square = resized.crop((left, top, left + self._side, top + self._side))
            squares.append(torch.from_numpy(np.array(square)).permute(2, 0, 1))
        return torch.stack(squares)

    def _chosen(self, split: str) -> list[str]:
        if split not in self.base_splits:
            return []
        keys = [key for key in self._rows if self._is_held_out(key) == (split == HELD_OUT)]
        return sorted(keys, key=_fraction)[:GALLERY]

    def _is_held_out(self, key: str) -> bool:
        """Whether an image is held out, by the hash of its key, so that added rows change nothing."""
        return _fraction(key) < self._share

    def _check_columns(self, row: MetadataRow, columns: Columns) -> None:
        """Check that the first row has all columns; later rows of shards and JSON may lack some."""
        if self.counts.images == 0 and (
            lacking := [column for _, column in columns.captions if column not in row.columns]
        ):
            raise InvalidRequest(
                f"there is no column `{lacking[0]}` in `{self.name}`; its columns are {', '.join(row.columns) or 'none'}. "
                "Choose one with `--caption-column`."
            )

    def _read_image(self, row: MetadataRow) -> bytes | None:
        """Return the bytes of an image, or None if it cannot be decoded."""
        self.counts.images += 1
        try:
            content = row.read()
            with Image.open(io.BytesIO(content)) as image:
                image.draft("RGB", (self._side, self._side))  # JPEGs are decoded no larger than needed.
                image.load()
        except (UnidentifiedImageError, OSError, KeyError, ValueError, SyntaxError, Image.DecompressionBombError):
            self.counts.unreadable.append(row.key)
            return None
        return content

    def _check_usable(self) -> None:
        found = self.counts
        if len(found.unreadable) > UNREADABLE_SHARE * found.images:
            raise DamagedFile(
                f"{len(found.unreadable)} of {found.images} images of `{self.name}` cannot be read, such as "
                f"{found.unreadable[0]}: fix or remove them; up to {UNREADABLE_SHARE:.0%} would be skipped."
            )
        if not self._rows:
            raise InvalidRequest(f"`{self.name}` has no image with an English caption: {' '.join(self.report())}")
        for tag, captions in self._captions.items():
            if not captions:
                raise InvalidRequest(
                    f"captions are missing for `{tag}`: all {found.missing[tag]} rows of `{self.name}` have none; choose "
                    f"another column with `--caption-column {tag}=COLUMN`."
                )


def _caption(value: object) -> str:
    """Return the caption on one line; of a list, the first non-empty one."""
    if isinstance(value, list):
        value = next((each for each in value if isinstance(each, str) and each.strip()), "")
    return " ".join(value.split()) if isinstance(value, str) else ""


def _fraction(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


def _local(place: str) -> Path:
    """Return the folder or file itself, or download that dataset from the Hugging Face Hub. Raises `Unreachable`."""
    if Path(place).exists():
        return Path(place)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        patterns = ["*.parquet", "*.tar", "*.jsonl", "*.csv", *(f"*{suffix}" for suffix in IMAGES)]
        return Path(snapshot_download(place, repo_type="dataset", allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split(". ")[0].split())
        raise Unreachable(
            f"`{place}` is not a local folder or file, and cannot be downloaded as a dataset of the Hugging Face Hub "
            f"({reason}): check the name or the path."
        ) from error
