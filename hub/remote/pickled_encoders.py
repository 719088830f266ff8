"""Encoders that are upstream as pickles alone, or in open_clip's layout: `hub pull` takes their tensors out, once, and publishes
them here as safetensors in transformers' layout.

Nothing but tensors is read (`weights_only=True`), and loading never comes here. Files are mapped into memory, not read into it: a
half is written from the pages of the file, so an encoder of 20 GB needs no 20 GB.
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
from hub.errors import Damaged, MissingExtra, UnknownFile, Unreachable, WeightsDoNotFit, WrongSource
from hub.publish.publish import publish
from hub.records import Artifact, Revision, Upstream
from hub.registry import Registry
from hub.remote.upstream import fetch
from hub.store import BlobStore
from hub.weights.untrusted import is_state_dict, unpickle

if TYPE_CHECKING:
    from torch import Tensor

    from hub.encoders.text_half import TextHalf

CONFIG = "config.json"
PROCESSOR = "preprocessor_config.json"
PICKLE = "pytorch_model.bin"
INDEX = "pytorch_model.bin.index.json"
"""Says which pickle of several holds which tensor."""
SHARD = "5GB"
"""Of one safetensors file; more is several, with an index."""
SETTINGS = ("*.json", "*.txt", "*.model")
"""What is published beside the weights: settings and tokenizer."""


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
    """Fetch the pickles that hold the needed half, write it as safetensors, and publish it under the artifact's name.

    A repository in open_clip's layout is written in transformers'. `card` is the folder of the card, `settings` one with the
    repository's config.json, tokenizer and index; `scratch` is where the files are put together. Nothing is published unless
    all of it was fetched, read and found to fit. Raises Unreachable, Damaged, WrongSource, WeightsDoNotFit, MissingExtra.
    """
    try:
        from huggingface_hub import save_torch_state_dict
    except ImportError as error:
        raise MissingExtra("load", f"converting the encoder `{artifact.name}`") from error
    upstream, name = artifact.upstream[0], artifact.name.name
    if PurePosixPath(upstream.file).name in open_clip.FILES:
        tensors, written = _translated(upstream, settings, endpoint, what=name)
        half = config = None
    else:
        tensors, half, config = _half(upstream, settings, endpoint, what=name)
        written = {}
    try:
        with tempfile.TemporaryDirectory(dir=scratch, prefix=".pull-") as unfinished:
            folder = Path(unfinished) / name
            shutil.copytree(card, folder)
            for pattern in SETTINGS:
                for path in settings.glob(pattern):
                    if not path.name.endswith(".index.json"):
                        shutil.copyfile(path, folder / path.name)
            for file, content in written.items():
                if file == CONFIG or not (folder / file).exists():
                    (folder / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            save_torch_state_dict(_alone(tensors), folder, max_shard_size=shard)
            if half is not None and config is not None:
                from hub.encoders.text_half import check_half

                check_half(folder, half, config, what=name)
            message = f"Take the tensors out of {upstream.repository}/{upstream.file} at {upstream.revision}"
            return publish(folder, artifact.name, registry, store, message=message)
    except OSError as error:
        raise Unreachable(
            f"`{name}` cannot be written below {scratch}: {error.strerror or error}. Nothing was kept."
        ) from error


def _half(
    upstream: Upstream, settings: Path, endpoint: str | None, *, what: str
) -> tuple[dict[str, Tensor], TextHalf | None, dict[str, Any]]:
    """Tensors that are kept of a repository of transformers, the half they are checked against, and its config.json."""
    from transformers import CONFIG_MAPPING

    from hub.encoders.text_half import half_of

    config = read_json(settings / CONFIG)
    half = half_of(config)
    if half is None and config.get("model_type") not in CONFIG_MAPPING:
        raise WrongSource(
            f"`{what}` is of type {config.get('model_type')}, which transformers has no class for: fetch {upstream.file} of "
            f"{upstream.repository} yourself, and `hub import` it if its format is known."
        )
    tensors: dict[str, Tensor] = {}
    for file in _files(upstream, settings, half, what=what):
        tensors |= {
            key: value
            for key, value in tensors_of(fetch(file, endpoint=endpoint), what=what).items()
            if half is None or half.reads_images or half.rename(key) is not None
        }
    return tensors, half, config


def _translated(
    upstream: Upstream, settings: Path, endpoint: str | None, *, what: str
) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """Tensors of open_clip's file in transformers' names, and the settings to be written beside them. WeightsDoNotFit, WrongSource."""
    import torch
    from transformers import AutoConfig, AutoModel

    from hub.weights.strict import Entry, disagreements_of, load_tensors

    path = fetch(upstream, endpoint=endpoint)
    given = load_tensors(path, what=what) if path.suffix == ".safetensors" else tensors_of(path, what=what)
    said = read_json(settings / open_clip.SETTINGS) if (settings / open_clip.SETTINGS).is_file() else {}
    config, tensors = open_clip.translate(given, said, what=what)
    with torch.device("meta"):
        made = AutoModel.from_config(
            AutoConfig.for_model(**config), **({} if "vision_config" in config else {"add_pooling_layer": False})
        )
    entries = {key: Entry(value.dtype, tuple(value.shape)) for key, value in tensors.items()}
    problems = disagreements_of(made.state_dict(), entries)
    if problems:
        raise WeightsDoNotFit(what, problems)
    pictures = config.get("vision_config")
    processor = {PROCESSOR: open_clip.preprocessing(said, pictures["image_size"])} if pictures else {}
    return tensors, {CONFIG: config, **processor}


def tensors_of(path: Path, *, what: str) -> dict[str, Tensor]:
    """Key → tensor of a pickled state dict, mapped where torch can. Raises WrongSource for more than tensors, and Damaged."""
    state = unpickle(path, what=what, is_mapped=True, advice=" Remove it from the cache and pull again.")
    if not is_state_dict(state):
        raise WrongSource(f"`{path.name}` of `{what}` is no plain state dict: keys to tensors were expected.")
    return dict(state)


def _files(upstream: Upstream, settings: Path, half: TextHalf | None, *, what: str) -> list[Upstream]:
    """The pickles that hold a tensor which is kept. Size and digest of the card are those of the file it names."""
    from hub.encoders.text_half import needed_files

    named = PurePosixPath(upstream.file)
    names = [named.name if named.suffix in {".bin", ".pt", ".pth"} else PICKLE]
    if (settings / INDEX).is_file():
        kept = None if half is not None and half.reads_images else half
        try:
            names = needed_files(json.loads((settings / INDEX).read_text(encoding="utf-8")), kept)
        except (ValueError, LookupError, AttributeError) as error:
            raise Damaged(f"{INDEX} of `{what}` cannot be read. Fetch it again with `hub pull {what}`.") from error
    if not names:
        raise UnknownFile(PICKLE, listing=f"hub show {what}")
    return [
        upstream
        if name == named.name
        else replace(upstream, file=(named.parent / name).as_posix(), size_bytes=None, digest="")
        for name in names
    ]


def _alone(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Views of a part of some storage get one of their own: safetensors keeps whole ones, and drops names of the same one."""
    return {
        key: value if value.untyped_storage().nbytes() == value.nbytes and value.is_contiguous() else value.clone()
        for key, value in tensors.items()
    }
