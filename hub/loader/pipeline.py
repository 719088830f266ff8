"""`load_pipeline`: resolve names, check the fit, load, and attach the modules."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hub.encoders.tokenizer import read_tokenizer
from hub.languages import parse_language
from hub.loader.adapters import attach
from hub.loader.load_base import load_base
from hub.loader.module_reader import ModuleReader
from hub.loader.prompts.embedding_cache import DEFAULT_BYTES
from hub.loader.prompts.prompt_encoder import PromptEncoder
from hub.loader.sources import EncoderFolders, Sources
from hub.weights.sizes import memory_budget

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from hub.local import LocalHub


def load_pipeline(
    base: str | Path,
    adapter: str | Path | Sequence[str | Path] | None = None,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    language: str | None = None,
    hub: LocalHub | None = None,
    revision: str | None = None,
    module_variant: str | None = None,
    encoder: EncoderFolders = None,
    quantisation: str | None = None,
    encoder_quantisation: Any = None,
    pipeline_class: type[Any] | None = None,
    resident_bytes: int | None = None,
    cache_bytes: int = DEFAULT_BYTES,
    **settings: Any,
) -> DiffusionPipeline:
    """Load the diffusers pipeline of `base`, which encodes prompts with the module or modules `adapter`.

    `base` is a name as people write it (`sdxl`, `SD 1.5`, `stabilityai/stable-diffusion-xl-base-1.0`), a repository upstream, a
    folder, or a single file, for which `config` is as in diffusers. `adapter` are names in the hub or folders. `name@revision`
    selects a module's revision, and `revision` the base's. The pipeline is on `device` (by default a GPU if available) in `dtype`
    (by default as stored, but float32 on a CPU). `language` is the default for prompts whose language cannot be detected.
    `module_variant` selects a module's weights for another base, which must have the same conditioning. `encoder` is a folder with
    the text encoder, or a list for a module with several. `quantisation` is `8bit` or `4bit` for the base's denoiser and text
    encoders; `encoder_quantisation` is the same for the modules', or one of transformers' configurations; diffusers'
    `quantization_config` is one of the `settings`.
    `pipeline_class` selects another pipeline of the base, such as `StableDiffusionImg2ImgPipeline`. `resident_bytes` (by default
    HUB_RESIDENT_BYTES) limits the memory of modules and their encoders: the least recently used ones are evicted, and reloaded
    on demand. `cache_bytes` limits the cache of embeddings. `settings` are passed to `from_pretrained`, such as `variant="fp16"`.

    Raises UnknownBase, UnknownArtifact and UnknownLanguage with similar names, DoesNotFit before weights are read,
    WeightsDoNotFit, DamagedFile and InvalidSource for files that cannot be used, Unreachable for files that are neither local nor
    upstream, and OutOfMemory with advice.
    """
    names = [] if adapter is None else [adapter] if isinstance(adapter, str | Path) else list(adapter)
    dtype = dtype or settings.pop("torch_dtype", None)  # diffusers' older name
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    default = parse_language(language) if language is not None else ""
    budget = memory_budget(resident_bytes)
    sources = Sources(hub)
    with sources:
        found = sources.base(base, revision, settings.pop("config", None))
        modules = [sources.fitting_module(name, found, module_variant) for name in names]
        encoders = [sources.encoders(module, encoder) for module in modules]

    with ThreadPoolExecutor() as pool:  # tokenizers parse on another core while the base is loaded
        parsing = {
            folder: pool.submit(read_tokenizer, folder, what=name)
            for name, folder in dict.fromkeys(each for where in encoders for each in where)
            if (folder / "tokenizer.json").is_file()  # other tokenizers import modules: not in parallel
        }
        pipe = load_base(found, pipeline_class, place, dtype, settings, quantisation)
    tokenizers = {folder: parsed.result() for folder, parsed in parsing.items()}
    reader = ModuleReader(sources, pipe, found, module_variant, encoder, place, dtype, tokenizers, encoder_quantisation)
    prompt_encoder = PromptEncoder(
        reader,
        default_language=default,
        base_languages=found.languages,
        resident_bytes=budget,
        cache_bytes=cache_bytes,
    )
    for module, where in zip(modules, encoders, strict=True):
        prompt_encoder.refuse_duplicate_name(module.name)
        prompt_encoder.add(reader.read(module, where), partial(reader.read, module, where))
    attach(pipe, prompt_encoder)
    pipe.origin = (found, tuple(modules))
    return pipe
