"""Convert upstream encoders from pickles or open_clip's layout to safetensors in transformers' layout, for `hub pull`.

Only tensors are read (`weights_only=True`), and never while loading a pipeline. Files are memory-mapped, so an encoder of 20 GB
does not need 20 GB of memory.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hub.bases.family import read_json
from hub.convert import open_clip
from hub.errors import DamagedFile, InvalidSource, MissingExtra, UnknownFile, Unreachable, WeightsDoNotFit
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Upstream
from hub.registry import Registry
from hub.remote.published_systems import fetch
from hub.store import BlobStore
from hub.weights.untrusted import is_state_dict, unpickle

if TYPE_CHECKING:
    from torch import Tensor

    from hub.encoders.text_half import TextHalf

CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"
PICKLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
"""File that maps tensors to sharded pickles."""
SHARD = "5GB"
"""Maximum size of a safetensors file before sharding."""
SETTINGS = ("*.json", "*.txt", "*.model")
"""Patterns of the settings and tokenizer, which are published with the weights."""


def pull_pickled(
    artifact: Artifact,
    card: Path,
    settings: Path,
    registry: Registry,
    store: BlobStore,
    *,
    scratch: Path,
    endpoint: str | None = None,
    shard: int | str = SHARD,
) -> Revision:
    """Fetch the pickles with the text half, convert it to safetensors, and publish it under the artifact's name.

    open_clip's layout is converted to transformers'. `card`: folder of the card; `settings`: folder with config.json, tokenizer
    and index; `scratch`: folder for temporary files. Nothing is published unless everything was fetched and fits. Raises
    Unreachable, DamagedFile, InvalidSource, WeightsDoNotFit, MissingExtra.
    """
    try:
        from huggingface_hub import save_torch_state_dict
    except ImportError as error:
        raise MissingExtra("load", f"converting the encoder `{artifact.name}`") from error
    upstream, name = artifact.upstream[0], artifact.name.name
    if PurePosixPath(upstream.file).name in open_clip.FILES:
        tensors, files = _translate_open_clip(upstream, settings, endpoint, what=name)
        half = config = None
    else:
        tensors, half, config = _load_half(upstream, settings, endpoint, what=name)
        files = {}
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".pull-") as unfinished:
            folder = Path(unfinished) / name
            shutil.copytree(card, folder)
            for pattern in SETTINGS:
                for path in settings.glob(pattern):
                    if not path.name.endswith(".index.json"):
                        shutil.copyfile(path, folder / path.name)
            for file, content in files.items():
                if file == CONFIG or not (folder / file).exists():
                    (folder / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            save_torch_state_dict(_copy_shared(tensors), folder, max_shard_size=shard)
            if half is not None and config is not None:
                from hub.encoders.text_half import check_half

                check_half(folder, half, config, what=name)
            message = f"Convert {upstream.repository}/{upstream.file} at {upstream.revision}"
            return publish(folder, artifact.name, registry, store, message=message)
    except OSError as error:
        raise Unreachable(
            f"`{name}` cannot be written below {scratch}: {error.strerror or error}. Nothing was saved."
        ) from error


def _load_half(
    upstream: Upstream, settings: Path, endpoint: str | None, *, what: str
) -> tuple[dict[str, Tensor], TextHalf | None, dict[str, Any]]:
    """Return the needed tensors of a transformers repository, the text half to check them against, and config.json."""
    from transformers import CONFIG_MAPPING

    from hub.encoders.text_half import half_of

    config = read_json(settings / CONFIG)
    half = half_of(config)
    if half is None and config.get("model_type") not in CONFIG_MAPPING:
        raise InvalidSource(
            f"`{what}` has the type {config.get('model_type')}, which transformers does not support: download {upstream.file} of "
            f"{upstream.repository} and try `hub import`."
        )
    tensors: dict[str, Tensor] = {}
    for file in _files(upstream, settings, half, what=what):
        tensors |= {
            key: value
            for key, value in tensors_of(fetch(file, endpoint=endpoint), what=what).items()
            if half is None or half.reads_images or half.rename(key) is not None
        }
    return tensors, half, config


def _translate_open_clip(
    upstream: Upstream, settings: Path, endpoint: str | None, *, what: str
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Return open_clip's tensors and settings in transformers' layout. Raises WeightsDoNotFit and InvalidSource."""
    import torch
    from transformers import AutoConfig, AutoModel

    from hub.weights.strict import TensorEntry, disagreements_of, load_tensors

    path = fetch(upstream, endpoint=endpoint)
    given = load_tensors(path, what=what) if path.suffix == ".safetensors" else tensors_of(path, what=what)
    given_settings = read_json(settings / open_clip.SETTINGS) if (settings / open_clip.SETTINGS).is_file() else {}
    config, tensors = open_clip.translate(given, given_settings, what=what)
    with torch.device("meta"):
        model = AutoModel.from_config(
            AutoConfig.for_model(**config), **({} if "vision_config" in config else {"add_pooling_layer": False})
        )
    entries = {key: TensorEntry(value.dtype, tuple(value.shape)) for key, value in tensors.items()}
    problems = disagreements_of(model.state_dict(), entries)
    if problems:
        raise WeightsDoNotFit(what, problems)
    vision = config.get("vision_config")
    processor = {PROCESSOR: open_clip.preprocessing(given_settings, vision["image_size"])} if vision else {}
    return tensors, {CONFIG: config, **processor}


def tensors_of(path: Path, *, what: str) -> dict[str, Tensor]:
    """Return the tensors of a pickled state dict by key, of any shape, memory-mapped if possible.

    Raises InvalidSource for other contents, and DamagedFile.
    """
    state = unpickle(path, what=what, is_mapped=True, advice=" Remove it from the cache and pull again.")
    if not is_state_dict(state):
        raise InvalidSource(f"`{path.name}` of `{what}` is not a state dict: expected a mapping of keys to tensors.")
    return dict(state)


def _files(upstream: Upstream, settings: Path, half: TextHalf | None, *, what: str) -> list[Upstream]:
    """Return the pickles with a needed tensor. The card has size and digest of the file that it names, not of others."""
    from hub.encoders.text_half import needed_files

    named = PurePosixPath(upstream.file)
    names = [named.name if named.suffix in {".bin", ".pt", ".pth"} else PICKLE]
    if (settings / INDEX).is_file():
        kept = None if half is not None and half.reads_images else half
        try:
            names = needed_files(json.loads((settings / INDEX).read_text(encoding="utf-8")), kept)
        except (ValueError, LookupError, AttributeError) as error:
            raise DamagedFile(f"{INDEX} of `{what}` cannot be read. Fetch it again with `hub pull {what}`.") from error
    if not names:
        raise UnknownFile(PICKLE, listing=f"hub show {what}")
    return [
        upstream
        if name == named.name
        else replace(upstream, file=(named.parent / name).as_posix(), size_bytes=None, digest="")
        for name in names
    ]


def _copy_shared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that are views of a shared storage, which safetensors cannot save."""
    return {
        key: value if value.untyped_storage().nbytes() == value.nbytes and value.is_contiguous() else value.clone()
        for key, value in tensors.items()
    }
