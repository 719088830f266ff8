"""Read the tensors of an untrusted file without executing any code in it.

The structure determines the format: safetensors, torch's archive, or torch's older stream of pickles. Pickles are read by torch's
`weights_only` unpickler. Published fairseq checkpoints hold configuration objects beside their tensors: a short list of
such names is replaced by an empty stand-in that drops its state. Every other name is refused.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hub.errors import DamagedFile, InvalidSource, MissingExtra, Unreachable
from hub.weights.file_kind import PICKLE, file_kind

if TYPE_CHECKING:
    from torch import Tensor

STAND_INS = (
    "argparse.Namespace",
    "fairseq.data.dictionary.Dictionary",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "typing.Any",
)
"""Objects of fairseq's configuration. They are never imported."""
_ARCHIVE = b"PK\x03\x04"
_ARCHIVE_END = b"PK\x05\x06"
_ARCHIVE_END_BYTES = 22
"""Size of the last record of an archive without a comment; torch never writes one."""
WRAPPED = "module."
"""Prefix that `DataParallel` and its relatives add to every key."""
_BEGINNING_BYTES = 9
"""A safetensors file begins with the length of the header, eight bytes, and the header is a JSON object."""


class StandIn:
    """A replacement for an object that is dropped."""

    def __new__(cls, *_: object, **__: object) -> Self:
        """Accept any arguments."""
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        """Ignore any arguments."""

    def __setstate__(self, state: object) -> None:
        """Drop the state."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The tensors of a file, and their container."""

    tensors: dict[str, Tensor]
    """Tensors by key; `section.key` in a checkpoint of sections."""
    container: str
    """`safetensors`, `torch` or `fairseq`."""
    left: tuple[str, ...] = ()
    """Entries beside the weights: settings, the optimizer's state."""
    prefix: str = ""
    """Prefix of every key in the file: `module.` if a wrapper for several devices was saved."""


def read_contents(source: Path, *, what: str) -> Contents:
    """Return the tensors of `source` by key. `what` names it in messages.

    Raises Unreachable for a missing file, InvalidSource for one that holds more than tensors, DamagedFile for one that is truncated,
    extended or broken, and MissingExtra without torch.
    """
    try:
        import torch  # noqa: F401 - so that a missing extra is named before anything is read
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from hub.weights.strict import read_header
    except ImportError as error:
        raise MissingExtra("load", f"reading `{source.name}`") from error
    try:
        with source.open("rb") as file:
            start = file.read(_BEGINNING_BYTES)
            file.seek(0)
            kind = file_kind(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise Unreachable(f"`{source}` cannot be read: {error.strerror}. Check the path.") from error
    if kind == PICKLE or start.startswith(_ARCHIVE):
        return _contents_of(unpickle(source, what=what, stand_ins=STAND_INS), source, what)
    if start and start[-1:] != b"{":
        raise InvalidSource(
            f"`{source.name}` is not a file of weights: it was written neither by safetensors nor by `torch.save`."
        )
    try:
        read_header(source, what=what)
        return Contents(load_file(source), "safetensors")
    except (SafetensorError, DamagedFile) as error:
        raise _broken(source, what, error) from error


def unpickle(
    source: Path, *, what: str, stand_ins: Sequence[str] = (), is_mapped: bool = False, advice: str = ""
) -> Any:
    """Load a pickle with torch's `weights_only` unpickler: the only place where a pickle is read.

    Objects named in `stand_ins` are dropped. With `is_mapped` an archive is mapped into memory and its checksums are not
    verified. Raises InvalidSource for more than tensors, and DamagedFile with `advice` at its end.
    """
    import torch
    from torch.serialization import safe_globals

    try:
        with source.open("rb") as file, safe_globals([(StandIn, name) for name in stand_ins]):
            is_archive = file.read(len(_ARCHIVE)) == _ARCHIVE
            file.seek(0)
            if is_mapped and is_archive:
                return torch.load(source, map_location="cpu", weights_only=True, mmap=True)
            if is_archive:
                _check_archive(file, source, what)
            state = torch.load(file, map_location="cpu", weights_only=True)
            if not is_archive and file.read(1):
                raise DamagedFile(f"`{source.name}` of `{what}` is damaged: extra bytes follow its end.{advice}")
    except pickle.UnpicklingError as error:
        raise InvalidSource(
            f"`{source.name}` of `{what}` holds more than tensors, which could run code: nothing was read."
        ) from error
    except (
        EOFError,
        RuntimeError,
        OSError,
        ValueError,
        AssertionError,
        KeyError,
        IndexError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise _broken(source, what, error, advice) from error
    return state


def _check_archive(file: Any, source: Path, what: str) -> None:
    """Check an archive. Raises DamagedFile unless it ends with the file and its checksums are right: torch's reader checks neither."""
    size_bytes = os.fstat(file.fileno()).st_size
    file.seek(max(0, size_bytes - _ARCHIVE_END_BYTES))
    if not file.read().startswith(_ARCHIVE_END):
        raise DamagedFile(
            f"`{source.name}` of `{what}` is damaged: it was truncated or extended, its {size_bytes} bytes do not end like an archive."
        )
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise InvalidSource(f"`{source.name}` of `{what}` is a TorchScript program, not weights: nothing was read.")
        if (broken := archive.testzip()) is not None:
            raise DamagedFile(f"`{source.name}` of `{what}` is damaged: the checksum of `{broken}` inside is wrong.")
    file.seek(0)


def _contents_of(state: Any, source: Path, what: str) -> Contents:
    """Return the tensors of a state dict, alone or beside its settings, or of a fairseq checkpoint. Raises InvalidSource."""
    if is_state_dict(state):
        prefix = WRAPPED if all(key.startswith(WRAPPED) for key in state) else ""
        return Contents({key.removeprefix(prefix): value for key, value in state.items()}, "torch", prefix=prefix)
    if isinstance(state, dict) and is_state_dict(state.get("state_dict")):
        inner = _contents_of(state["state_dict"], source, what)
        return replace(inner, left=tuple(str(name) for name in state if name != "state_dict"))
    if isinstance(state, dict) and is_state_dict(state.get("model")):
        sections = {name: section for name, section in state.items() if is_state_dict(section)}
        tensors = {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}
        return Contents(tensors, "fairseq", tuple(str(name) for name in state if name not in sections))
    raise InvalidSource(f"`{source.name}` of `{what}` is not a plain state dict of keys and tensors.")


def is_state_dict(value: object) -> bool:
    """Return whether `value` maps keys to tensors, and holds nothing else."""
    import torch

    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) and isinstance(each, torch.Tensor) for key, each in value.items())
    )


def _broken(source: Path, what: str, error: BaseException, advice: str = "") -> DamagedFile:
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    return DamagedFile(f"`{source.name}` of `{what}` is damaged: {reason}.{advice}")
