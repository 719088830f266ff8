"""Read the variant from the name of a weights file, as diffusers and transformers write it: `fp16` in `model.fp16.safetensors`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hub.errors import DamagedFile

_FILE = re.compile(
    r"(?:model|diffusion_pytorch_model|pytorch_model)(?:-\d{5}-of-\d{5})?(?:\.(?P<variant>[A-Za-z0-9_]+?))??(?:-\d{5}-of-\d{5})?\.safetensors"
)


def variant_of(file: str) -> str | None:
    """Return the variant of a weights file, given by its name; empty for the plain weights, None for another file."""
    found = _FILE.fullmatch(file)
    return None if found is None else found["variant"] or ""


def needed_variant(files: Mapping[str, Iterable[str]], *, what: str) -> str | None:
    """Return the variant to load for components with these weights files, if some have no plain ones; None otherwise.

    Raises DamagedFile if there are several.
    """
    possible: set[str] | None = None
    name = ""
    for component, names in files.items():
        variants = {each for each in map(variant_of, names) if each is not None}
        if variants and "" not in variants:
            possible, name = variants if possible is None else possible & variants, component
    if possible is None:
        return None
    if len(possible) != 1:
        listed = ", ".join(f"`{each}`" for each in sorted(possible)) or "different variants"
        raise DamagedFile(f"`{what}` has the weights of its {name} only as {listed}: choose one with `variant=`.")
    return next(iter(possible))
