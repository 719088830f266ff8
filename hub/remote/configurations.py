"""Fetch bases and encoders from upstream repositories: first the configuration, to check compatibility, then the weights.

`huggingface_hub` transfers files: it resumes, caches and respects `HF_ENDPOINT`. Offline, the cache is used; an error about missing
files names the command that fetches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hub.bases.family import read_json
from hub.convert import open_clip
from hub.encoders.text_half import half_of, needed_files
from hub.encoders.text_half.read_half import INDEX, WEIGHTS
from hub.encoders.tokenizer import tokenizer_name
from hub.errors import DamagedFile, InvalidSource
from hub.home import Home
from hub.records import Upstream
from hub.remote.hf_cache import Stamps
from hub.remote.hf_cache import check as check_downloads
from hub.remote.upstream import is_online, unreachable
from hub.weights.variants import needed_variant

CONFIGURATION = ("*.json", "*/*.json")
"""Patterns of small files, fetched before the weights."""
VOCABULARIES = ("*/*.txt", "*/*.model")
"""Patterns of the vocabularies of a pipeline's tokenizers that are not JSON files."""
TOKENIZER = ("*.json", "*.txt", "*.model")
"""Patterns of the settings, vocabularies and SentencePiece models of an encoder, and of the index of its weights."""
CHECKED = {".json", ".txt", ".model", ".safetensors"}
"""Suffixes of the files that are read from the parts of a pipeline."""


def fetch_configuration(
    repository: str, revision: str, *, what: str, card: bool = False, tokenizers: bool = False
) -> Path:
    """Fetch the JSON files of a repository and return their folder. Raises Unreachable, DamagedFile.

    `card` also fetches README.md, `tokenizers` the vocabularies of a pipeline.
    """
    patterns = [*CONFIGURATION, *(["README.md"] if card else []), *(VOCABULARIES if tokenizers else [])]
    return _snapshot(repository, revision, patterns, what=what)


def fetch_pipeline(
    pipeline_class: type[Any], repository: str, revision: str, *, what: str, variant: str | None = None
) -> Path:
    """Fetch the files that `pipeline_class` needs, as safetensors, and return their folder. Raises Unreachable and DamagedFile.

    `variant`, as diffusers has it, selects weights such as `fp16`; by default the plain ones, or the only ones upstream.
    """
    online = is_online()
    variant = variant or _needed_variant(repository, revision, what=what, online=online)
    try:
        folder = Path(
            pipeline_class.download(
                repository, revision=revision, use_safetensors=True, local_files_only=not online, variant=variant
            )
        )
    except (OSError, ValueError) as error:
        raise unreachable(what, repository, error) from error
    parts = [path for path in folder.glob("*/*") if path.suffix in CHECKED]
    check_downloads([*folder.glob("*.json"), *parts], _stamps(), what=what)
    return folder


def _needed_variant(repository: str, revision: str, *, what: str, online: bool) -> str | None:
    """Return the variant of the weights upstream, or in the cache, if some parts have no plain ones. Raises Unreachable and DamagedFile."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    try:
        if online:
            names = HfApi().list_repo_files(repository, revision=revision)
        else:
            index = try_to_load_from_cache(repository, "model_index.json", revision=revision)
            cached = Path(index).parent if isinstance(index, str) else None
            names = [] if cached is None else [path.relative_to(cached).as_posix() for path in cached.glob("*/*")]
    except (OSError, ValueError) as error:
        raise unreachable(what, repository, error) from error
    parts: dict[str, list[str]] = {}
    for part, slash, name in (each.partition("/") for each in names):
        if slash:
            parts.setdefault(part, []).append(name)
    return needed_variant(parts, what=what)


def fetch_encoder(upstream: Upstream, *, what: str, with_images: bool = False) -> Path:
    """Fetch the tokenizer and the needed half of a text encoder, and return their folder.

    `upstream.file` names the weights or their index; its folder is the encoder's. Only shards with a tensor of that half are
    fetched. `with_images` fetches all of them, for both towers of a dual encoder. Raises Unreachable, DamagedFile, and
    InvalidSource for pickles.
    """
    at = PurePosixPath(upstream.file).parent
    if PurePosixPath(upstream.file).name in open_clip.FILES:
        raise InvalidSource(
            f"`{what}` is upstream in {upstream.repository} in open_clip's layout ({upstream.file}), which cannot be loaded directly: "
            f"`hub pull {what}` converts it to transformers' layout as safetensors."
        )
    folder = fetch_settings(upstream, what=what)
    names = [WEIGHTS]
    try:
        config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
        if (folder / INDEX).is_file():
            names = needed_files(read_json(folder / INDEX), None if with_images else half_of(config))
    except (DamagedFile, LookupError, AttributeError) as error:
        raise DamagedFile(
            f"the settings of `{what}` cannot be read: {str(error).rstrip('.')}. Fetch them again with `hub pull {what}`."
        ) from error
    weights = [(at / name).as_posix() for name in names]
    folder = _snapshot(upstream.repository, upstream.revision, [*_settings_patterns(at), *weights], what=what) / at
    missing = [name for name in names if not (folder / name).is_file()]
    if missing and (
        PurePosixPath(upstream.file).suffix == ".bin" or (folder / "pytorch_model.bin.index.json").is_file()
    ):
        raise InvalidSource(
            f"`{what}` is upstream in {upstream.repository} only as pickles ({upstream.file}), which can run code and are "
            f"never loaded: `hub pull {what}` converts them to safetensors."
        )
    if missing:
        raise unreachable(what, upstream.repository, FileNotFoundError(f"`{missing[0]}` not found"))
    check_downloads([folder / name for name in names], _stamps(), what=what)
    return folder


def fetch_settings(upstream: Upstream, *, what: str) -> Path:
    """Fetch the settings, tokenizer and index of a text encoder, and return their folder. Raises Unreachable, DamagedFile."""
    at = PurePosixPath(upstream.file).parent
    return _snapshot(upstream.repository, upstream.revision, _settings_patterns(at), what=what) / at


def _settings_patterns(at: PurePosixPath) -> list[str]:
    """Return the patterns of an encoder's settings and tokenizer. In a pipeline the tokenizer has its own folder."""
    folders = dict.fromkeys([at, at.parent / tokenizer_name(at.name)])
    return [(folder / pattern).as_posix() for folder in folders for pattern in TOKENIZER]


def _snapshot(repository: str, revision: str, patterns: Sequence[str], *, what: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=list(patterns), local_files_only=not is_online()
            )
        )
    except (OSError, ValueError) as error:
        raise unreachable(what, repository, error) from error
    small = [pattern for pattern in patterns if not pattern.endswith(".safetensors")]
    check_downloads((path for pattern in small for path in folder.glob(pattern)), _stamps(), what=what)
    return folder


def _stamps() -> Stamps:
    return Stamps(Home.find().caches)
