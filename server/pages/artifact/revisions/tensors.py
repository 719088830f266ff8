"""Read the tensors of a safetensors file for its page: names, shapes and types, from the header alone."""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import DamagedFile, UnknownFile
from hub.records import File
from hub.store import BlobStore
from hub.weights.header import StoredTensor, bytes_of, tensors_in

MAX_HEADER_BYTES = 4 << 20
"""Header of the largest file whose tensors are listed: about 40,000 tensors. The API reads larger ones."""


@dataclass(frozen=True, slots=True)
class ListedTensors:
    """The tensors of one file."""

    tensors: tuple[StoredTensor, ...]
    parameters: int
    dtypes: dict[str, int]
    """Type → number of parameters, the most frequent first."""
    size_bytes: int


def read_tensors(store: BlobStore, file: File) -> ListedTensors | None:
    """Return the tensors of a file; None if its header is too long, or not one of safetensors."""
    try:
        with store.open(file.digest, file.size_bytes) as opened:
            if int.from_bytes(opened.read(8), "little") > MAX_HEADER_BYTES:
                return None
        with store.open(file.digest, file.size_bytes) as opened:
            tensors = tensors_in(opened)
    except (DamagedFile, UnknownFile):
        return None
    if not tensors:
        return None
    counted: dict[str, int] = {}
    for each in tensors:
        counted[each.dtype] = counted.get(each.dtype, 0) + each.numbers
    dtypes = dict(sorted(counted.items(), key=lambda item: -item[1]))
    return ListedTensors(tensors, sum(counted.values()), dtypes, bytes_of(counted))
