"""`load_pipeline`: resolve names, check the fit, build, plug."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hub.encoders.tokenizer import read_tokenizer
from hub.languages import parse_language
from hub.loader.load_base import load_base
from hub.loader.module_reader import ModuleReader
from hub.loader.prompts.embedding_cache import DEFAULT_BYTES
from hub.loader.prompts.prompt_encoder import PromptEncoder
from hub.loader.resolve import Given, Sources
from hub.weights.memory import resident_budget

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
    variant: str | None = None,
    encoder: Given = None,
    quantisation: str | None = None,
    encoder_quantisation: Any = None,
    pipeline_class: type[Any] | None = None,
    resident_bytes: int | None = None,
    cache_bytes: int = DEFAULT_BYTES,
    **settings: Any,
) -> DiffusionPipeline:
    """The diffusers pipeline of `base`, reading prompts through the module or modules `adapter`.

    `base` and `adapter` are names in the hub or folders; `name@revision` asks for a module's revision, and `revision` for the
    base's. The pipeline goes to `device` (a GPU if there is one) in `dtype`: as stored, but float32 on a CPU.
    `language` is what prompts are taken for when theirs cannot be told. `variant` takes a module's weights for another base
    than this one, which must read the same. `encoder` is a folder to take the text encoder from, or a list of them for a module
    that reads several. `quantisation` is `8bit` or `4bit` for the base's denoiser and text encoders, `encoder_quantisation` the
    same for the modules', or one of transformers' configurations; diffusers' own, `quantization_config`, is among the `settings`.
    `pipeline_class` makes another of the base's pipelines, `StableDiffusionImg2ImgPipeline` say. `resident_bytes` (else
    HUB_RESIDENT_BYTES) is what modules and their encoders may take in memory: over it, the least recently used ones leave and
    come back when they are needed. `cache_bytes` of embeddings are kept for prompts that come again. `settings` go to the class'
    `from_pretrained`.

    Raises UnknownBase, UnknownArtifact and UnknownLanguage with near names, DoesNotFit before a weight is read,
    WeightsDoNotFit, Damaged and WrongSource for files that cannot be trusted, Unreachable for what is neither here nor upstream,
    OutOfMemory with what would fit.
    """
    names = [] if adapter is None else [adapter] if isinstance(adapter, str | Path) else list(adapter)
    dtype = dtype or settings.pop("torch_dtype", None)  # diffusers' older word
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    default = parse_language(language) if language is not None else ""
    budget = resident_budget(resident_bytes)
    sources = Sources(hub)
    with sources:
        found = sources.base(base, revision)
        modules = [sources.fitting_module(name, found, variant) for name in names]
        encoders = [sources.encoders(module, encoder) for module in modules]

    with ThreadPoolExecutor() as pool:  # the tokenizers library parses on another core, while Python builds the base
        parsing = {
            folder: pool.submit(read_tokenizer, folder, what=name)
            for name, folder in dict.fromkeys(each for where in encoders for each in where)
            if (folder / "tokenizer.json").is_file()  # transformers' own readers import as they go: not beside the base
        }
        pipe = load_base(found, pipeline_class, place, dtype, settings, quantisation)
    tokenizers = {folder: parsed.result() for folder, parsed in parsing.items()}
    reader = ModuleReader(sources, pipe, found, variant, encoder, dtype, tokenizers, encoder_quantisation)
    prompt_encoder = PromptEncoder(
        reader,
        default_language=default,
        base_languages=found.languages,
        resident_bytes=budget,
        cache_bytes=cache_bytes,
    )
    for module, where in zip(modules, encoders, strict=True):
        prompt_encoder.refuse_duplicate_name(module.name)
        prompt_encoder.add(reader.read(module, where, place), partial(reader.read, module, where))
    pipe._prompt_encoder = prompt_encoder  # noqa: SLF001 - the mixin's own attribute; its class has no `__init__` to take it
    return pipe
