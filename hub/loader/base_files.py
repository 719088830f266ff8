"""Locate a base's weight files and check that they are complete, before diffusers loads them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from hub.bases.family import read_json
from hub.errors import DamagedFile, InvalidSource
from hub.loader.base_source import BaseSource
from hub.remote.hf_cache import unfinished
from hub.weights.sizes import gigabytes
from hub.weights.strict import read_header
from hub.weights.variants import needed_variant, variant_of

_PICKLES = {".bin", ".ckpt", ".pt", ".pth"}
_INDEX = ".safetensors.index.json"
"""Suffix of the index of sharded weights, in diffusers and transformers."""


def find_variant(folder: Path, base: BaseSource) -> str | None:
    """Return the variant, such as `fp16`, if components have no other weights, else None. Raises DamagedFile if there are several."""
    parts = {
        path.name: [file.name for file in path.glob("*.safetensors")] for path in folder.glob("*") if path.is_dir()
    }
    return needed_variant(parts, what=base.name)


def weights_of(folder: Path, base: BaseSource, variant: str = "", *, given: Collection[str] = ()) -> dict[str, Path]:
    """Return one safetensors file of each component, of this variant if it has one, after checking the headers of all files.

    `given` are components that the caller passes or omits, which may be missing. Raises InvalidSource for a component that is
    only available as a pickle, DamagedFile for a broken file or a missing part.
    """
    found: dict[str, Path] = {}
    for name, listed in read_json(folder / "model_index.json").items():
        if name.startswith("_") or name in given or not _is_component(listed):
            continue
        files = sorted((folder / name).glob("*"))
        if not files:
            raise DamagedFile(_lacks(base, name))
        if (weights := _weights(files, name, base, variant)) is not None:
            found[name] = weights
    if base.family.denoiser not in found and base.family.denoiser not in given:
        raise DamagedFile(_lacks(base, f"weights of its {base.family.denoiser}"))
    return found


def _is_component(listed: object) -> bool:
    """Return whether an entry of model_index.json is `[library, class]`; other lists are settings, such as Krea 2's layers."""
    return isinstance(listed, list) and len(listed) == 2 and all(isinstance(each, str) for each in listed)


def _weights(files: list[Path], name: str, base: BaseSource, variant: str) -> Path | None:
    """Return a weights file of a component; None for components without weights, such as tokenizers."""
    found = [path for path in files if path.suffix == ".safetensors" and path.exists()]
    for path in found:
        read_header(path, what=base.name)
    pickles = [path.name for path in files if path.suffix in _PICKLES]
    if pickles and not found:
        raise InvalidSource(
            f"`{base.name}` has the weights of its {name} only as a pickle ({pickles[0]}), which can run code; only safetensors "
            "are loaded. Save it again with diffusers' `save_pretrained`, or use another repository of it."
        )
    here = {path.name for path in found}
    for index in (path for path in files if path.name.endswith(_INDEX)):
        # A half precision variant has its own index, and may be missing.
        wanted = set(read_json(index).get("weight_map", {}).values())
        if (missing := sorted(wanted - here)) and (wanted & here or not found):
            raise DamagedFile(_lacks(base, f"{missing[0]} of its {name}"))
    if not found and any(path.name == "config.json" for path in files):  # only models have one
        raise DamagedFile(_lacks(base, f"weights of its {name}"))
    chosen = [path for wanted in (variant, "") for path in found if variant_of(path.name) == wanted]
    return next(iter([*chosen, *found]), None)


def _lacks(base: BaseSource, part: str) -> str:
    begun = [] if base.upstream is None else unfinished(base.upstream.repository)
    size = gigabytes(sum(path.stat().st_size for path in begun))
    about = f": a download was interrupted after {size}" if begun else ""
    return f"`{base.name}` has no {part}{about}. Fetch it again with `{base.fetch_command}`."
