"""Tensors of a file from elsewhere, of which nothing is executed.

What a file is, its first bytes say: safetensors, torch's archive, or torch's older stream of pickles. Pickles go through torch's
own unpickler for weights alone. Published fairseq checkpoints hold configuration objects beside their tensors: a short list of
such names is read as an empty stand-in, which takes whatever state comes with it and drops it. Every other name is refused.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hub.errors import Damaged, MissingExtra, Unreachable, WrongSource

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
"""Objects of fairseq's configuration. Nothing of them is imported."""
_ARCHIVE = b"PK\x03\x04"
_ARCHIVE_END = b"PK\x05\x06"
_ARCHIVE_END_BYTES = 22
"""Of the last record of an archive without a comment, which torch never writes."""
_PICKLE = b"\x80"
WRAPPED = "module."
"""What `DataParallel` and its relatives put before every key of what they wrap."""
_BEGINNING_BYTES = 9
"""Safetensors begin with the length of their header, eight bytes, and the header is a JSON object."""


class StandIn:
    """Takes the place of an object that is dropped."""

    def __new__(cls, *_: object, **__: object) -> Self:
        """Whatever the object was made of."""
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        """As `__new__`."""

    def __setstate__(self, state: object) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds."""

    tensors: dict[str, Tensor]
    """In a checkpoint of sections, `section.key`."""
    container: str
    """`safetensors`, `torch` or `fairseq`."""
    left: tuple[str, ...] = ()
    """Sections without weights of the model: settings, the optimizer's state."""
    prefix: str = ""
    """What stood before every key of the file: `module.`, where a wrapper for several devices was saved."""


def read_contents(source: Path, *, what: str) -> Contents:
    """The tensors of `source`, by key. `what` names it in messages.

    Raises Unreachable for no file, WrongSource for a file that holds more than tensors, Damaged for one that was cut,
    extended or broken, MissingExtra without torch.
    """
    try:
        import torch  # noqa: F401 - asked for here, so that the extra is named before anything is read
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from hub.weights.strict import read_header
    except ImportError as error:
        raise MissingExtra("load", f"reading `{source.name}`") from error
    try:
        with source.open("rb") as file:
            start = file.read(_BEGINNING_BYTES)
    except OSError as error:
        raise Unreachable(f"`{source}` cannot be read: {error.strerror}. Name a file that is there.") from error
    if start.startswith((_ARCHIVE, _PICKLE)):
        return _sort(unpickle(source, what=what, stand_ins=STAND_INS), source, what)
    if start and start[-1:] != b"{":
        raise WrongSource(
            f"`{source.name}` is no file of weights: it begins neither as safetensors nor as what `torch.save` writes."
        )
    try:
        read_header(source, what=what)
        return Contents(load_file(source), "safetensors")
    except (SafetensorError, Damaged) as error:
        raise _broken(source, what, error) from error


def unpickle(
    source: Path, *, what: str, stand_ins: Sequence[str] = (), is_mapped: bool = False, advice: str = ""
) -> Any:
    """What torch's unpickler for weights alone makes of a pickle: the one place where a pickle is read.

    Objects called as one of `stand_ins` are dropped. With `is_mapped` an archive is mapped into memory and not read, so its
    checksums are not asked for. Raises WrongSource for more than tensors, and Damaged, to which `advice` is added.
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
                raise Damaged(f"`{source.name}` of `{what}` is damaged: it was extended, bytes follow its end.{advice}")
    except pickle.UnpicklingError as error:
        raise WrongSource(
            f"`{source.name}` of `{what}` holds more than tensors, which could run code: nothing of it was read."
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
    """Damaged unless the archive ends where the file does and its checksums are right: torch's reader asks for neither."""
    size_bytes = os.fstat(file.fileno()).st_size
    file.seek(max(0, size_bytes - _ARCHIVE_END_BYTES))
    if not file.read().startswith(_ARCHIVE_END):
        raise Damaged(
            f"`{source.name}` of `{what}` is damaged: it was cut or extended, its {size_bytes} bytes do not end as an archive does."
        )
    with zipfile.ZipFile(file) as archive:
        if any(name.endswith("/constants.pkl") for name in archive.namelist()):
            raise WrongSource(
                f"`{source.name}` of `{what}` is a TorchScript program, not weights: nothing of it was read."
            )
        if (broken := archive.testzip()) is not None:
            raise Damaged(f"`{source.name}` of `{what}` is damaged: the checksum of `{broken}` inside is wrong.")
    file.seek(0)


def _sort(state: Any, source: Path, what: str) -> Contents:
    """A state dict as it is; of a fairseq checkpoint the sections that are state dicts."""
    if is_state_dict(state):
        prefix = WRAPPED if all(key.startswith(WRAPPED) for key in state) else ""
        return Contents({key.removeprefix(prefix): value for key, value in state.items()}, "torch", prefix=prefix)
    if isinstance(state, dict) and is_state_dict(state.get("model")):
        sections = {name: section for name, section in state.items() if is_state_dict(section)}
        tensors = {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}
        return Contents(tensors, "fairseq", tuple(str(name) for name in state if name not in sections))
    raise WrongSource(f"`{source.name}` of `{what}` is no plain state dict: keys to tensors were expected.")


def is_state_dict(value: object) -> bool:
    """Whether `value` holds tensors by their keys, and nothing else."""
    import torch

    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(isinstance(key, str) and isinstance(each, torch.Tensor) for key, each in value.items())
    )


def _broken(source: Path, what: str, error: BaseException, advice: str = "") -> Damaged:
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
    return Damaged(f"`{source.name}` of `{what}` is damaged: {reason}.{advice}")
