"""A corpus of user-provided captions in English and other languages, with or without images.

Shape letters: N images or rows, H and W the sides of an image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hub.errors import DamagedFile, InvalidRequest, Unreachable
from hub.home import Home
from trainers.corpora.caption_index import Numbers, hash_of, open_index
from trainers.corpora.columns import Columns
from trainers.corpora.corpus import ExampleRows, Prompt
from trainers.corpora.crop import Crop, Pixels
from trainers.corpora.formats.shards import IMAGES
from trainers.corpora.image_sizes import Sizes, open_sizes
from trainers.corpora.images import DECODERS, UnreadableImages, decode_crops, decode_squares
from trainers.corpora.text_columns import Column, Indices, in_slices

UNREADABLE_SHARE = 0.01
"""With a larger share of unreadable images, the dataset counts as damaged."""
HELD_OUT = "held-out"
GALLERY = 1000
"""Maximum number of images among which a generated one must be recognised."""


class CaptionedCorpus:
    """Captions from a folder, parquet files, WebDataset shards or a dataset of the Hugging Face Hub, and their images if it has any."""

    base_splits: tuple[str, ...] = ("seen", HELD_OUT)

    def __init__(self, place: str, columns: Columns, side: int, folder: Path | None = None) -> None:
        """Index all rows; images are read when they are needed. `side` is in pixels.

        `place` is a folder, a file or a dataset `owner/name`; commands in cards name it as given. The index is written to `folder`, by
        default that of the caches.

        Raises `InvalidRequest` for missing columns or captions and for lists of addresses, `DamagedFile` for broken files or if more
        than 1 % of the rows lack their image, `Unreachable` for a dataset that cannot be downloaded.
        """
        if not columns.captions or "en" not in dict(columns.captions):
            raise InvalidRequest(
                f"missing caption columns of `{place}`: name English and other languages, for example `--caption-column "
                "en=caption_en --caption-column yo=caption_yo`."
            )
        self.place = place
        self.name = Path(place).name if Path(place).exists() else place
        self.columns = columns
        self._side = side
        self._index, self._source = open_index(_local(place), columns, folder or Home.find().caches, self.name)
        self.counts = self._index.counts
        self._unreadable = UnreadableImages(self._index.path.with_suffix(".unreadable"))
        self.has_images = self.counts.images > 0
        self.digest = hashlib.sha256(f"{self.counts.content} {side} {columns.held_out_share}".encode()).hexdigest()
        self._check_usable()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the caption columns."""
        return tuple(tag for tag, _ in self.columns.captions)

    @property
    def unreadable(self) -> frozenset[str]:
        """Keys of the images that this or another process could not decode."""
        return self._unreadable.keys

    def report(self) -> list[str]:
        """Return the counts of rows and of missing captions: a line for all and one for each language."""
        found, held_out = self.counts, int((self._is_held_out_N & self._is_kept_N("en")).sum())
        kind = "images" if self.has_images else "texts without images"
        head = f"{self.name}: {int(self._is_usable_N.sum())} {kind} ({held_out} held out); {found.without_english} without English"
        head += f", {found.rows - found.images} without an image" if self.has_images else ""
        lines = [head + (f", {found.without_captions} without any caption." if found.without_captions else ".")]
        for tag in self.languages:
            given, kept = self._hashes_N(tag) != 0, self._is_kept_N(tag)
            distinct = len(np.unique(self._hashes_N(tag)[given]))
            native = int((self._index.numbers(f"native {tag}") & kept).sum())
            line = f"{self.name}: {tag}: {distinct} captions; {found.missing[tag]} missing or empty, "
            line += f"{int(given.sum()) - distinct} duplicates left out"
            lines.append(line + (f", {native} native." if native else "."))
        return lines

    def examples(self, language: str) -> ExampleRows:
        """Return the captions of all images that are not held out, without duplicates and captions of held-out images."""
        rows_N = np.zeros(0, np.int64)
        if language in self.languages:
            hashes_N, is_kept_N = self._hashes_N(language), self._is_kept_N(language)
            held_out = np.unique(hashes_N[is_kept_N & self._is_held_out_N])
            rows_N = np.flatnonzero(is_kept_N & ~self._is_held_out_N & ~np.isin(hashes_N, held_out))
            rows_N = rows_N[_first_places(hashes_N[rows_N])]
        tag = language if language in self.languages else "en"
        native_N = self._index.numbers(f"native {tag}")[rows_N]
        return ExampleRows(language, rows_N, self._captions(tag), self._captions("en"), self._keys, native_N)

    def prompts(self, language: str, split: str) -> list[Prompt]:
        """Return the captions of the `seen` or `held-out` images, at most 1,000 of each, whose English is known."""
        rows_N = self._chosen(split)
        if language not in self.languages:
            return []
        rows_N = rows_N[self._is_kept_N(language)[rows_N]]
        return [Prompt(text, language, key, english) for text, key, english in self._texts(language, rows_N)]

    def gallery(self, split: str) -> list[Prompt]:
        """Return the English captions of the same images."""
        return [Prompt(english, "en", key, english) for _, key, english in self._texts("en", self._chosen(split))]

    def images(self, concepts: Sequence[str]) -> Tensor:
        """Return the images (N, 3, H, W), uint8: resized to the shorter side and centre-cropped; unreadable ones are black.

        Raises `InvalidRequest` if the corpus has no images, and `DamagedFile` once more than 1 % of them turned out unreadable.
        """
        rows_N = self._rows_of(concepts)
        contents = self._contents(rows_N)
        squares = decode_squares([contents[row] for row in rows_N.tolist()], self._side)
        return self._stack(concepts, squares, (self._side, self._side))

    def sizes(self, concepts: Sequence[str]) -> Sizes:
        """Return height and width (N, 2) of the images from their files' headers; 0 for unreadable ones. Raises as `images`."""
        path = self._index.path.with_suffix(".sizes.npy")
        sizes_N2 = open_sizes(path, len(self._index), self._read_start)
        rows_N = np.concatenate([np.zeros(0, np.int64), *(self._rows_of(some) for some in in_slices(concepts))])
        found_N2: Sizes = sizes_N2[rows_N]
        if len(missing := np.flatnonzero(found_N2[:, 0] == 0)):
            self._leave_out([concepts[place] for place in missing.tolist()])
        return found_N2

    def crops(self, concepts: Sequence[str], crops: Sequence[Crop]) -> Tensor:
        """Return a crop of the image of each concept, (N, 3, H, W), all of one size. Raises as `images`.

        Neighbours of the same concept are crops of an image that is read and decoded once.
        """
        rows_N = self._rows_of(concepts)
        contents = self._contents(rows_N)
        places = {row: np.flatnonzero(rows_N == row).tolist() for row in contents}
        found: dict[int, Pixels] = {}
        with ThreadPoolExecutor(DECODERS) as decoders:
            wanted = ([crops[place] for place in places[row]] for row in contents)
            for row, cuts in zip(contents, decoders.map(decode_crops, contents.values(), wanted), strict=True):
                if cuts is not None:
                    found |= zip(places[row], cuts, strict=True)
        return self._stack(concepts, [found.get(place) for place in range(len(concepts))], crops[0].size)

    def _contents(self, rows_N: Indices) -> dict[int, bytes | None]:
        """Return the image file of each row. Neighbours in a file are read in their order, by one thread."""
        return {row: self._read_start(row, None) for row in np.unique(rows_N).tolist()}

    def _read_start(self, row: int, count: int | None) -> bytes | None:
        """Return the first `count` bytes of a row's image file, or all; None if there is none."""
        place = self._index.place(row)
        if place.size < 0:
            return None
        try:
            return self._source.read(self._keys[row], place, count)
        except (OSError, KeyError, ValueError):
            return None

    def _stack(self, concepts: Sequence[str], found: Sequence[Pixels | None], size: tuple[int, int]) -> Tensor:
        """Return images as one tensor, those that are missing as black ones of `size`, and remember these."""
        if broken := [key for key, each in zip(concepts, found, strict=True) if each is None]:
            self._leave_out(broken)
        blank_HW3 = np.zeros((*size, 3), np.uint8)
        return torch.from_numpy(np.stack([blank_HW3 if each is None else each for each in found])).permute(0, 3, 1, 2)

    def _leave_out(self, broken: Sequence[str]) -> None:
        """Remember unreadable images. Raises `DamagedFile` once they are more than 1 %."""
        known = self.unreadable
        self._unreadable.add([key for key in broken if key not in known])
        count, images = len(self.unreadable), self.counts.images
        if count > UNREADABLE_SHARE * images:
            raise DamagedFile(
                f"{count} of {images} images of `{self.name}` cannot be read, such as {broken[0]}: repair or remove them; up to "
                "1% are left out."
            )

    @cached_property
    def _keys(self) -> Column:
        return self._index.texts("key")

    def _captions(self, tag: str) -> Column:
        return self._index.texts(f"caption {tag}")

    def _texts(self, tag: str, rows_N: Indices) -> list[tuple[str, str, str]]:
        columns = (self._captions(tag), self._keys, self._captions("en"))
        return [*zip(*(column.take(rows_N) for column in columns), strict=True)]

    def _hashes_N(self, tag: str) -> Numbers:
        """Hashes of the captions of usable rows; 0 for missing ones."""
        return np.where(self._is_usable_N, self._index.numbers(f"caption hash {tag}"), np.uint64(0))

    @cached_property
    def _is_usable_N(self) -> Numbers:
        """Whether rows can be used: in a corpus with images, those without one cannot."""
        return self._index.numbers("size") >= 0 if self.has_images else np.ones(len(self._index), np.bool_)

    @cached_property
    def _is_held_out_N(self) -> Numbers:
        """Whether an image is held out, by the hash of its key, so that added rows change nothing."""
        is_held_out_N: Numbers = self._index.numbers("key hash") / 2.0**64 < self.columns.held_out_share
        return is_held_out_N

    def _is_kept_N(self, tag: str) -> Numbers:
        """Whether rows have a caption, and in a language other than English one that no row before them has."""
        hashes_N = self._hashes_N(tag)
        if tag == "en":
            is_given_N: Numbers = hashes_N != 0
            return is_given_N
        kept_N = np.zeros(len(hashes_N), np.bool_)
        given_N = np.flatnonzero(hashes_N)
        kept_N[given_N[_first_places(hashes_N[given_N])]] = True
        return kept_N

    @lru_cache(maxsize=2)  # noqa: B019 - a process opens one corpus or two
    def _chosen(self, split: str) -> Indices:
        """Return the first 1,000 rows of a split in the order of their hashes, each image once."""
        if split not in self.base_splits:
            return np.zeros(0, np.int64)
        is_in_N = (self._is_held_out_N == (split == HELD_OUT)) & self._is_kept_N("en")
        rows_N = np.flatnonzero(is_in_N)
        hashes_N = self._index.numbers("key hash")[rows_N]
        _, first = np.unique(hashes_N, return_index=True)  # In their order.
        few_N = rows_N[first[: GALLERY + int(GALLERY * UNREADABLE_SHARE)]]
        unreadable = self.unreadable
        keys = self._keys.take(few_N)
        return few_N[[key not in unreadable for key in keys]][:GALLERY] if unreadable else few_N[:GALLERY]

    def _rows_of(self, keys: Sequence[str]) -> Indices:
        """Return the row of each key, or the first of several. Raises `InvalidRequest` if the corpus has no images."""
        if not self.has_images:
            raise InvalidRequest(f"`{self.name}` has no images.")
        hashes_N, order_N = self._by_hash
        places = np.searchsorted(hashes_N, np.array([hash_of(key) for key in keys], np.uint64))
        rows_N: Indices = order_N[np.minimum(places, len(order_N) - 1)]
        if self._keys.take(rows_N) != [*keys]:
            raise KeyError("a concept without a row in this corpus")
        return rows_N

    @cached_property
    def _by_hash(self) -> tuple[Numbers, Indices]:
        """The sorted hashes of all keys, and their rows."""
        hashes_N = self._index.numbers("key hash")
        order_N = np.argsort(hashes_N, kind="stable")
        return hashes_N[order_N], order_N

    def _check_usable(self) -> None:
        found = self.counts
        lacking = found.rows - found.images
        if self.has_images and lacking > UNREADABLE_SHARE * found.rows:
            raise DamagedFile(
                f"{lacking} of {found.rows} rows of `{self.name}` have no image, such as {found.without_image[0]}: repair or remove "
                "them; up to 1% are left out."
            )
        for tag in self.languages:
            if not self._hashes_N(tag).any():
                raise InvalidRequest(
                    f"captions are missing for `{tag}`: all {found.missing[tag] + found.without_captions} rows of `{self.name}` have "
                    f"none; choose another column with `--caption-column {tag}=COLUMN`."
                )


def _first_places(hashes_N: Numbers) -> Indices:
    """Return the place of the first of equal hashes, in order."""
    _, first = np.unique(hashes_N, return_index=True)
    return np.sort(first)


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
