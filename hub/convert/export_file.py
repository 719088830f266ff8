"""Export a variant to the published format of its system, which the system's own code reads.

Tensors are exported byte for byte. Tensors that an import skipped, such as mCLIP's CLIP, are not in the variant and so not in the
exported file.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.convert.formats import FORMATS, format_named, recognise
from hub.errors import Conflict, DoesNotFit, InvalidRequest, MissingExtra, UnknownFile, Unreachable
from hub.systems.shared.published_format import ENCODER, MODULE, REST, Files, Format, with_prefix

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = {"torch": ".pth", "fairseq": ".pt", "safetensors": ".safetensors"}
"""Container → file suffix."""


def export(variant: Path, to: Path | None = None, *, what: str, format_name: str = "") -> tuple[Path, Format]:
    """Write the variant in the folder `variant` as a published file: `to`, or a file named after `what` in the working directory.

    The format is `format_name`, the one it was imported from, or the one that fits the module. Raises InvalidRequest without a
    fitting format, DoesNotFit if the module does not fit the format, Conflict if `to` exists, MissingExtra without torch.
    """
    try:
        import torch  # noqa: F401 - imported first, so that a missing extra is reported before anything is read
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
            f"`{what}` is a {config.get('architecture')} whose sizes, options or layers differ from {format.title}. "
            "Omit --format to find its format."
        )
    target = to or Path(f"{what.replace('/', '-')}{SUFFIXES[format.container]}")
    if target.exists():
        raise Conflict(f"`{target}` already exists: choose another file with --to, or remove it.")
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
    """Return the format whose files contain such a module. Raises InvalidRequest."""
    for each in FORMATS:
        original = _originals(each, files)
        if original is not None and _is_of(each, config, original):
            return each
    architecture = config.get("architecture")
    raise InvalidRequest(
        f"`{what}` is a {architecture} with sizes or options that no published format has: use its safetensors files, which "
        f"`hub pull {what}` downloads."
    )


def _originals(format: Format, files: Files) -> dict[str, Tensor] | None:
    try:
        return format.to_original(files)
    except KeyError:
        return None


def _is_of(format: Format, config: dict[str, Any], original: dict[str, Tensor]) -> bool:
    """Return whether importing `original` would restore the module that `config` describes."""
    if any(anchor not in original for anchor in format.anchors):
        return False
    shapes = {key: tuple(value.shape) for key, value in original.items()}
    try:
        found, reading = recognise(shapes, what=format.name, with_encoder=format.name.endswith("-with-encoder"))
    except (InvalidRequest, KeyError, ValueError):
        return False
    return (
        found.name == format.name
        and reading.architecture == config.get("architecture")
        and _settings(reading.architecture, reading.module)
        == _settings(reading.architecture, config.get("module") or {})
    )


def _settings(architecture: str, module: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments of a module, with defaults filled in."""
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
        raise Unreachable(f"`{target}` cannot be written: {error}. Choose another file with --to.") from error


def _sections(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    sections: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        section, _, rest = key.partition(".")
        sections.setdefault(section, {})[rest] = value
    return sections
