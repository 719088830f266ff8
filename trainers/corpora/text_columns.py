"""Texts in Arrow's columns, which stay in their file until they are read. A million captions as Python objects take 150 MB.

Shape letters: N texts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, overload

import numpy as np
import pyarrow as pa

Indices = np.ndarray[Any, np.dtype[np.int64]]
SLICE = 512
"""Texts that are Python objects at a time while all of them are read."""


class Column(Sequence[str]):
    """The texts of an Arrow column, in memory or mapped from a file."""

    def __init__(self, values: pa.ChunkedArray) -> None:
        self._values = values
        lengths = [len(chunk) for chunk in values.chunks]
        self._starts = np.cumsum([0, *lengths])

    @classmethod
    def of(cls, texts: Iterable[str]) -> Column:
        """Copy texts to a column in memory."""
        return cls(pa.chunked_array([pa.array(texts, pa.large_string())]))

    def __len__(self) -> int:
        return int(self._starts[-1])

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        text: str = self._values[int(index)].as_py()
        return text

    def take(self, rows_N: Indices) -> list[str]:
        """Return the texts of these rows; neighbours in a file are read together."""
        chunk_N = np.searchsorted(self._starts, rows_N, side="right") - 1
        borders = [0, *(np.flatnonzero(np.diff(chunk_N)) + 1).tolist(), len(rows_N)]
        texts: list[str] = []
        for first, last in pairwise(borders):
            if first < last:
                chunk = int(chunk_N[first])
                texts += self._values.chunk(chunk).take(pa.array(rows_N[first:last] - self._starts[chunk])).to_pylist()
        return texts


class Part(NamedTuple):
    """Some rows of a column, in any order."""

    column: Column
    rows_N: Indices


class Texts(Sequence[str]):
    """Rows of columns, one part after the other. A slice reads nothing."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._starts: list[int] = np.cumsum([0, *(len(part.rows_N) for part in parts)]).tolist()

    @classmethod
    def after_empty(cls, parts: Sequence[Part]) -> Texts:
        """Return the empty text, followed by rows of columns."""
        return cls([Part(Column.of([""]), np.zeros(1, np.int64)), *parts])

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Texts: ...
    def __getitem__(self, index: int | slice) -> str | Texts:
        if not isinstance(index, slice):
            place = range(len(self))[index]
            return next(iter(self._between(place, place + 1)))
        first, last, step = index.indices(len(self))
        if step != 1:
            raise ValueError("texts are read in their order")
        return self._between(first, last)

    def take(self, places_N: Indices) -> list[str]:
        """Return the texts at these places."""
        part_N = np.searchsorted(self._starts, places_N, side="right") - 1
        texts = [""] * len(places_N)
        for part in np.unique(part_N).tolist():
            own_N = np.flatnonzero(part_N == part)
            column, rows_N = self._parts[part]
            found = column.take(rows_N[places_N[own_N] - self._starts[part]])
            for place, text in zip(own_N.tolist(), found, strict=True):
                texts[place] = text
        return texts

    def __iter__(self) -> Iterator[str]:
        for column, rows_N in self._parts:
            for first in range(0, len(rows_N), SLICE):
                yield from column.take(rows_N[first : first + SLICE])

    def _between(self, first: int, last: int) -> Texts:
        pairs = zip(self._parts, self._starts[:-1], strict=True)
        return Texts([Part(c, rows_N[max(first - at, 0) : max(last - at, 0)]) for (c, rows_N), at in pairs])


class Chosen(Sequence[str]):
    """Some of other texts, in any order. A slice reads them."""

    def __init__(self, texts: Sequence[str], places_N: Indices) -> None:
        self._texts = texts
        self._places_N = places_N

    def __len__(self) -> int:
        return len(self._places_N)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if not isinstance(index, slice):
            return self._texts[int(self._places_N[index])]
        places_N = self._places_N[index]
        texts = self._texts
        return texts.take(places_N) if isinstance(texts, Texts) else [texts[place] for place in places_N.tolist()]


class Tags(Sequence[str]):
    """Language tags as numbers of two bytes each: `names[codes_N[n]]` is tag n."""

    def __init__(self, names: Sequence[str], codes_N: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        self.names = tuple(names)
        self.codes_N = codes_N

    def __len__(self) -> int:
        return len(self.codes_N)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self.names[code] for code in self.codes_N[index]]
        return self.names[int(self.codes_N[index])]


def in_slices(texts: Sequence[str], count: int = SLICE) -> Iterator[list[str]]:
    """Return the texts as lists of at most `count`."""
    return ([*texts[first : first + count]] for first in range(0, len(texts), count))


def digest_of_texts(texts: Sequence[str]) -> str:
    """Return the SHA-256 of texts and their order."""
    digest = hashlib.sha256()
    for some in in_slices(texts):
        encoded = [text.encode(errors="surrogatepass") for text in some]
        digest.update(b"".join(len(each).to_bytes(8, "little") + each for each in encoded))
    return digest.hexdigest()
