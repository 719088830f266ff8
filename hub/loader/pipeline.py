"""`load_pipeline`: resolve names, check the fit, build, plug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from hub.errors import DoesNotFit, HubError, OutOfMemory
from hub.languages import parse_language
from hub.loader.base import load_base
from hub.loader.cache import DEFAULT_BYTES
from hub.loader.changes import Change, LowRank, VirtualTokens
from hub.loader.config import WEIGHTS
from hub.loader.encoders import module_advice, read_encoder
from hub.loader.exchange import Parts, Weights
from hub.loader.fit import check_fit
from hub.loader.interpreter import Interpreter
from hub.loader.per_step import PerStep
from hub.loader.resident import Resident, read_resident, working_dtype
from hub.loader.residents import Again
from hub.loader.shared_encoder import Encoders
from hub.loader.sizes import resident_budget
from hub.loader.sources import BaseSource, Given, ModuleSource, Sources
from hub.loader.together import join
from hub.loader.translator import ARCHITECTURE as TRANSLATOR
from hub.loader.translator import FOLDER, Translator
from hub.modules import TextEncoder
from hub.modules.tokenizer import Tokenize, read_tokenizer

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from hub.local import LocalHub

Where = Sequence[tuple[str, Path]]
"""Names and folders of the encoders that a module reads."""


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
        modules = [_checked(sources, name, found, variant) for name in names]
        encoders = [sources.encoders(module, encoder) for module in modules]

    with ThreadPoolExecutor() as pool:  # the tokenizers library parses on another core, while Python builds the base
        parsing = {
            folder: pool.submit(read_tokenizer, folder, what=name)
            for name, folder in dict.fromkeys(each for where in encoders for each in where)
            if (folder / "tokenizer.json").is_file()  # transformers' own readers import as they go: not beside the base
        }
        pipe = load_base(found, pipeline_class, place, dtype, settings, quantisation)

    def read(name: str | Path) -> tuple[Resident, Again]:
        with sources:
            module = _checked(sources, name, found, variant)
            where = sources.encoders(module, encoder)
        interpreter.refuse_twin(module.name)
        return arrival(module, where, _place(pipe, found))

    def arrival(module: ModuleSource, where: Where, place: torch.device) -> tuple[Resident, Again]:
        def make(device: torch.device) -> Resident:
            return _read(
                module, where, interpreter.encoders, pipe, found, device, dtype, tokenizers, encoder_quantisation
            )

        return make(place), lambda: make(_place(pipe, found))

    interpreter = Interpreter(
        read,
        default_language=default,
        base_languages=found.languages,
        resident_bytes=budget,
        cache_bytes=cache_bytes,
    )
    tokenizers = {folder: parsed.result() for folder, parsed in parsing.items()}
    for module, where in zip(modules, encoders, strict=True):
        interpreter.refuse_twin(module.name)
        interpreter.add(*arrival(module, where, place))
    pipe._interpreter = interpreter  # noqa: SLF001 - the mixin's own attribute; its class has no `__init__` to take it
    return pipe


def _place(pipe: Any, base: BaseSource) -> torch.device:
    """Where weights that arrive now go: beside the denoiser's, or to the CPU while those are nowhere (offloaded by layers).

    Not `pipe.device`, for which diffusers walks every module of every part: 5 ms of an attaching that takes 20.
    """
    here = next(getattr(pipe, base.family.denoiser).parameters()).device
    return torch.device("cpu") if here.type == "meta" else here


def _checked(sources: Sources, name: str | Path, base: BaseSource, variant: str | None) -> ModuleSource:
    module = sources.module(name, base, variant)
    check_fit(module, base)
    return module


def _change(module: ModuleSource, pipe: Any, base: BaseSource, resident: Resident | None = None) -> Change | None:
    """What the module changes in the base; switched off until a prompt of its language comes.

    `resident` is the module in memory, None where the base's own encoder reads.
    """
    config = module.config
    if config.variant.architecture == "prompt-tuning":
        return VirtualTokens(pipe, module.folder, module.name)
    changes: list[Change] = []
    if resident is not None and getattr(resident.module, "per_step", False):
        changes.append(_per_step(resident, getattr(pipe, base.family.denoiser)))
    if resident is not None and (place := pipe.change_for_modules()) is not None:
        changes.append(place)
    try:
        if resident is not None and (parts := getattr(resident.module, "denoiser_parts", {})):
            changes.append(Parts(getattr(pipe, base.family.denoiser), parts, module.name))
        match config.delta:
            case "lora":
                changes.append(LowRank(pipe, module.folder, module.name))
            case "weights":
                denoiser = getattr(pipe, base.family.denoiser)
                if getattr(denoiser, "is_loaded_in_4bit", False):
                    raise DoesNotFit(
                        f"`{module.name}` brings all weights of a denoiser, and those of `{base.name}` are in 4 bits: load it without "
                        '`quantisation`, or in "8bit".'
                    )
                changes.append(Weights(denoiser, module.folder / base.family.denoiser, module.name))
    except HubError:
        for each in changes:
            each.remove()
        raise
    return join(changes)


def _per_step(resident: Resident, denoiser: nn.Module) -> PerStep:
    """Raises DoesNotFit for what such a module cannot give: a pooled vector, or rows that the base reads beside its own."""
    given, empty = resident.config.variant.conditioning, resident.config.empty
    if empty != "encode" or given.pooled_width is not None:
        raise DoesNotFit(
            f"`{resident.name}` runs at every step and reads every prompt of a batch, so `prompt.empty` must be `encode` "
            f"(it is `{empty}`), and it gives no pooled vector."
        )
    assert resident.encoder is not None
    assert resident.module is not None
    return PerStep(denoiser, resident.module, resident.name, in_width=resident.encoder.width, out_width=given.width)


def _read(
    module: ModuleSource,
    where: Where,
    encoders: Encoders,
    pipe: Any,
    base: BaseSource,
    device: torch.device,
    dtype: torch.dtype | None,
    tokenizers: Mapping[Path, Tokenize],
    quantisation: Any = None,
) -> Resident:
    """Build a module, with the encoders of residents that read the same ones if there are any."""
    if module.config.variant.architecture == TRANSLATOR:
        return _read_translator(module, device, dtype)
    if not where:
        return _changing(Resident(module.name, module.config, None, ()), module, pipe, base)

    def read_one(name: str, folder: Path) -> TextEncoder:
        tokenize = tokenizers.get(folder)
        return read_encoder(folder, name, device=device, dtype=dtype, tokenize=tokenize, quantisation=quantisation)

    working = working_dtype(dtype, device, module.folder / WEIGHTS, what=module.name)
    shared = tuple(encoders.at(folder, partial(read_one, name, folder)) for name, folder in where)
    try:
        resident = read_resident(module.name, module.folder, module.config, shared, device=device, dtype=working)
    except torch.OutOfMemoryError as error:
        size_bytes = (module.folder / WEIGHTS).stat().st_size
        raise OutOfMemory(module_advice(module.name, size_bytes, device)) from error
    return _changing(resident, module, pipe, base)  # last: whatever is refused before it leaves the base as it was


def _changing(resident: Resident, module: ModuleSource, pipe: Any, base: BaseSource) -> Resident:
    """With what the module changes in the base."""
    change = _change(module, pipe, base, resident if resident.module is not None else None)
    if change is None:
        return resident
    own = {module.folder / WEIGHTS} if resident.module is not None else set()
    files = [*module.folder.glob("*.safetensors"), *module.folder.glob(f"{base.family.denoiser}/*.safetensors")]
    return replace(resident, change=change, change_bytes=sum(each.stat().st_size for each in {*files} - own))


def _read_translator(module: ModuleSource, device: torch.device, dtype: torch.dtype | None) -> Resident:
    folder, config = module.folder / FOLDER, module.config
    stored = folder / WEIGHTS
    working = working_dtype(dtype, device, stored, what=module.name) if stored.is_file() else dtype
    translator = Translator.from_folder(
        folder, config.module, length=config.positive.length, device=device, dtype=working, what=module.name
    )
    return Resident(module.name, config, None, (), translator=translator)
