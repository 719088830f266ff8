"""Find a base that is a single file, as distributed by Civitai and older tools. It uses the configuration of the base with the same layout.

diffusers recognises the layout by the names and shapes of the tensors, which the header lists, and converts them
(`diffusers/loaders/single_file_utils.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.errors import InvalidRequest, InvalidSource, UnknownBase
from hub.loader.base_source import ENGLISH, BaseSource, own_languages, read_base
from hub.local import LocalHub
from hub.publish.composition import find_base
from hub.remote.configurations import fetch_configuration
from hub.weights.strict import read_header

_WHOLE = ("model.diffusion_model.",)
"""Beginnings of the keys of a denoiser in a file with a whole pipeline."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A tensor as diffusers' recognition sees it."""

    shape: tuple[int, ...]


def read_single_file(hub: LocalHub, path: Path, config: str | Path | None) -> BaseSource:
    """Return the base in the file at `path`. `config`, as diffusers has it, is a folder, or the name of the base that has its layout.

    Raises InvalidRequest for a file that does not exist or is not a whole pipeline, InvalidSource for a pickle, DamagedFile, Unreachable.
    """
    if not path.is_file():
        raise InvalidRequest(f"no file is called `{path}`: pass the path of a checkpoint, or a name of `hub bases`.")
    if path.suffix.lower() != ".safetensors":
        raise InvalidSource(
            f"`{path.name}` is a pickle, which can run code; only safetensors are loaded. Use a safetensors file of it, or convert it "
            "where you trust it: `StableDiffusionPipeline.from_single_file(…).save_pretrained(FOLDER)`."
        )
    name = path.name
    repository = _repository(path)
    if config is not None and (folder := Path(config).expanduser()).is_dir():
        return read_base(name, folder.resolve(), "", ENGLISH, is_known=False, checkpoint=path)
    wanted = str(config or repository)
    try:
        base = find_base(hub.registry, wanted)
    except UnknownBase as error:
        if "/" not in wanted:
            raise
        folder = fetch_configuration(wanted, "main", what=wanted, tokenizers=True)
        if not (folder / "model_index.json").is_file():
            raise error from None
        return read_base(name, folder, "", ENGLISH, is_known=False, checkpoint=path)
    if base.weights_digest:
        folder = hub.snapshot(base.name)
    else:
        upstream = base.upstream[0]
        folder = fetch_configuration(upstream.repository, upstream.revision, what=base.name.name, tokenizers=True)
    parents = (base.name.name,)
    return read_base(name, folder, "", own_languages(base), is_known=False, parents=parents, checkpoint=path)


def _repository(path: Path) -> str:
    """Return the repository with the configuration for a checkpoint, as diffusers knows it. Raises InvalidRequest and DamagedFile."""
    from diffusers.loaders.single_file_utils import DIFFUSERS_DEFAULT_PIPELINE_PATHS, infer_diffusers_model_type

    header = read_header(path, what=path.name)
    stored: dict[str, Any] = {key: _Stored(entry.shape) for key, entry in header.items()}
    found = infer_diffusers_model_type(stored)
    # diffusers takes everything that it does not recognise for Stable Diffusion 1.
    if not any(key.startswith(_WHOLE) for key in stored):
        listed = ", ".join(f"`{key}`" for key in list(stored)[:2]) or "no tensors"
        raise InvalidRequest(
            f"`{path.name}` is not a checkpoint of a whole pipeline: it has {listed}. Load a LoRA with `pipe.load_lora_weights`, and a "
            "module of this hub with `adapter=`."
        )
    return str(DIFFUSERS_DEFAULT_PIPELINE_PATHS[found]["pretrained_model_name_or_path"])
