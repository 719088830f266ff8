"""A variant becomes a file as its system publishes them, which the system's own code reads.

Tensors come back byte for byte. What an import left in the original file, such as CLIP in mCLIP's, is not in the variant, and so
not in what is written.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.convert.formats import FORMATS, format_named, recognise
from hub.errors import Conflict, DoesNotFit, MissingExtra, UnknownFile, Unreachable, WrongRequest
from hub.systems.shared.published_format import ENCODER, MODULE, REST, Files, Format, with_prefix

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = {"torch": ".pth", "fairseq": ".pt", "safetensors": ".safetensors"}
"""Container → how such files are called."""


def export(variant: Path, to: Path | None = None, *, what: str, format_name: str = "") -> tuple[Path, Format]:
    """Write the variant in the folder `variant` as a published file, `to` or a file in the working directory called after `what`.

    The format is the one it was imported from, `format_name`, or for modules trained here the one that its module is of.
    Raises WrongRequest when there is none, DoesNotFit when the module is not of that format, Conflict when `to` is there.
    """
    try:
        import torch  # noqa: F401 - asked for here, so that the extra is named before anything is read
    except ImportError as error:
        raise MissingExtra("load", f"exporting `{what}`") from error
    config = read_json(variant / "config.json")
    files = _read(variant, what)
    published = config.get("published") or {}
    name = format_name or published.get("format", "")
    format = format_named(name) if name else _fitting(config, files, what)
    original = _originals(format, files)
    if original is None or not _is_of(format, config, original):
        raise DoesNotFit(
            f"`{what}` is a {config.get('architecture')} that {format.title} has no file for: sizes, options or layers differ. "
            "Leave --format out, and its own format is found."
        )
    target = to or Path(f"{what.replace('/', '-')}{SUFFIXES[format.container]}")
    if target.exists():
        raise Conflict(f"`{target}` exists already: name another file with --to, or remove it.")
    _write(with_prefix(published.get("prefix", ""), original), target, format.container)
    return target, format


def _read(variant: Path, what: str) -> Files:
    from hub.weights.strict import load_tensors

    if not (variant / MODULE).is_file():
        raise UnknownFile(MODULE, listing=f"hub show {what}")
    return {
        path: load_tensors(variant / path, what=what) for path in (MODULE, ENCODER, REST) if (variant / path).is_file()
    }


def _fitting(config: dict[str, Any], files: Files, what: str) -> Format:
    """The one format whose files hold such a module."""
    for each in FORMATS:
        original = _originals(each, files)
        if original is not None and _is_of(each, config, original):
            return each
    architecture = config.get("architecture")
    raise WrongRequest(
        f"`{what}` is a {architecture} with sizes or options that no published format has: it is kept as it is, in safetensors; "
        f"`hub pull {what}` gives its files."
    )


def _originals(format: Format, files: Files) -> dict[str, Tensor] | None:
    try:
        return format.to_original(files)
    except KeyError:
        return None


def _is_of(format: Format, config: dict[str, Any], original: dict[str, Tensor]) -> bool:
    """Whether reading `original` again would give the module that `config` describes."""
    if any(anchor not in original for anchor in format.anchors):
        return False
    shapes = {key: tuple(value.shape) for key, value in original.items()}
    try:
        found, reading = recognise(shapes, what=format.name, with_encoder=format.name.endswith("-with-encoder"))
    except (WrongRequest, KeyError, ValueError):
        return False
    return (
        found.name == format.name
        and reading.architecture == config.get("architecture")
        and _settings(reading.architecture, reading.module)
        == _settings(reading.architecture, config.get("module") or {})
    )


def _settings(architecture: str, module: dict[str, Any]) -> dict[str, Any]:
    """All arguments, with those that are not said at their defaults."""
    from hub.systems.architectures import class_of

    accepted = inspect.signature(class_of(architecture)).parameters
    return {
        name: list(value) if isinstance(value := module.get(name, each.default), tuple) else value
        for name, each in accepted.items()
    }


def _write(tensors: dict[str, Tensor], target: Path, container: str) -> None:
    import torch
    from safetensors.torch import save_file

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as scratch:
            unfinished = Path(scratch) / target.name
            if container == "safetensors":
                save_file(tensors, unfinished)
            else:
                torch.save(_sections(tensors) if container == "fairseq" else tensors, unfinished)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.rename(target)
    except (OSError, RuntimeError) as error:
        raise Unreachable(f"`{target}` cannot be written: {error}. Choose another place with --to.") from error


def _sections(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    sections: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        section, _, rest = key.partition(".")
        sections.setdefault(section, {})[rest] = value
    return sections
