"""Load modules for one pipeline: their weights, the encoders they share, and their patches of the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hub.bases.family import Family
from hub.bases.patch import Patch
from hub.encoders.text_encoder import TextEncoder
from hub.encoders.tokenizer import Tokenize
from hub.errors import DoesNotFit, HubError, OutOfMemory
from hub.loader.base_source import BaseSource
from hub.loader.modules.load_encoder import module_advice, read_encoder
from hub.loader.modules.loaded_module import LoadedModule, join_encoders, load_module, working_dtype
from hub.loader.modules.module_config import WEIGHTS, ModuleConfig
from hub.loader.modules.phrase_reader import ARCHITECTURE as PHRASE_MEMORY
from hub.loader.modules.phrase_reader import PhraseReader
from hub.loader.modules.shared_encoder import Encoders, SharedEncoder
from hub.loader.modules.translator import ARCHITECTURE as TRANSLATOR
from hub.loader.modules.translator import FOLDER, Translator
from hub.loader.patches.encoder_lora import ARCHITECTURE as ENCODER_LORA
from hub.loader.patches.encoder_lora import encoder_loras
from hub.loader.patches.patches import LowRank, VirtualTokens, join
from hub.loader.patches.swapped_weights import Parts, Weights
from hub.loader.patches.timestep_hook import PerStep
from hub.loader.sources import EncoderFolders, ModuleSource, Sources

EncoderLocations = Sequence[tuple[str, Path]]
"""Names and folders of the encoders of a module."""


class ModuleReader:
    """Loads modules for one pipeline, with the settings of its `load_pipeline`."""

    def __init__(
        self,
        sources: Sources,
        pipe: Any,
        base: BaseSource,
        variant: str | None,
        given: EncoderFolders,
        device: torch.device,
        dtype: torch.dtype | None,
        tokenizers: Mapping[Path, Tokenize],
        quantisation: Any,
    ) -> None:
        """Keep the settings; `given` are folders of encoders, `tokenizers` the loaded ones by folder."""
        self.device = device
        """Device of modules while nothing is encoded: that of the load, then of `pipe.to` and offloading."""
        self.encoders = Encoders()
        self._sources = sources
        self._pipe = pipe
        self._base = base
        self._variant = variant
        self._given = given
        self._dtype = dtype
        self._dtype_of = partial(working_dtype, dtype, device)
        self._tokenizers = tokenizers
        self._quantisation = quantisation

    def __deepcopy__(self, memo: dict[int, Any]) -> ModuleReader:
        """Copy what it has loaded; the hub, the files and the tokenizers are shared."""
        made = memo[id(self)] = copy(self)
        made._pipe, made.encoders = deepcopy(self._pipe, memo), deepcopy(self.encoders, memo)  # noqa: SLF001 - our own
        return made

    @property
    def family(self) -> Family:
        """Return the family of the base."""
        return self._base.family

    def find(self, name: str | Path) -> tuple[ModuleSource, EncoderLocations]:
        """Find the module called `name` and its encoders, without reading weights. Raises UnknownArtifact and DoesNotFit."""
        with self._sources:
            module = self._sources.fitting_module(name, self._base, self._variant)
            return module, self._sources.encoders(module, self._given)

    def read(self, module: ModuleSource, where: EncoderLocations) -> LoadedModule:
        """Load `module`, sharing encoders with other modules.

        Raises OutOfMemory with advice, WeightsDoNotFit, DamagedFile, InvalidSource and DoesNotFit.
        """
        device = self.device
        if module.config.variant.architecture == TRANSLATOR:
            return self._read_translator(module)
        if not where:
            return _with_patch(LoadedModule(module.name, module.config, None, ()), module, self._pipe, self._base)
        working = self._dtype_of(module.folder / WEIGHTS, what=module.name)
        shared = tuple(
            self.encoders.get_or_load(folder, partial(self._read_encoder, name, folder)) for name, folder in where
        )
        load = _read_phrases if module.config.variant.architecture == PHRASE_MEMORY else load_module
        try:
            loaded = load(module.name, module.folder, module.config, shared, device=device, dtype=working)
        except torch.OutOfMemoryError as error:
            size_bytes = (module.folder / WEIGHTS).stat().st_size
            raise OutOfMemory(module_advice(module.name, size_bytes, device)) from error
        # Last, so that a refused module leaves the base unchanged.
        return _with_patch(loaded, module, self._pipe, self._base)

    def _read_encoder(self, name: str, folder: Path) -> TextEncoder:
        return read_encoder(
            folder,
            name,
            device=self.device,
            dtype_of=self._dtype_of,
            tokenize=self._tokenizers.get(folder),
            quantisation=self._quantisation,
        )

    def _read_translator(self, module: ModuleSource) -> LoadedModule:
        folder, config = module.folder / FOLDER, module.config
        stored = folder / WEIGHTS
        dtype = self._dtype_of(stored, what=module.name) if stored.is_file() else self._dtype
        translator = Translator.from_folder(
            folder, config.module, length=config.positive.length, device=self.device, dtype=dtype, what=module.name
        )
        return LoadedModule(module.name, config, None, (), translator=translator)


def _patch_of(loaded: LoadedModule, module: ModuleSource, pipe: Any, base: BaseSource) -> Patch | None:
    """Apply the module's patches to the base, initially off; None if there are none."""
    if module.config.variant.architecture == "prompt-tuning":
        return VirtualTokens(pipe, module.folder, module.name)
    denoiser = getattr(pipe, base.family.denoiser)
    _refuse_second_denoiser(loaded, module, pipe, base)
    patches: list[Patch] = []
    if module.config.variant.architecture == ENCODER_LORA:
        patches += encoder_loras(pipe, module.folder, module.name, module.config.module)
    if getattr(loaded.module, "per_step", False):
        patches.append(_per_step(loaded, denoiser))
    if loaded.module is not None and (patch := pipe.patch_for_modules()) is not None:
        patches.append(patch)
    try:
        if parts := getattr(loaded.module, "denoiser_parts", {}):
            patches.append(Parts(denoiser, parts, module.name))
        match module.config.delta:
            case "lora":
                patches.append(LowRank(pipe, module.folder, module.name))
            case "weights":
                if getattr(denoiser, "is_loaded_in_4bit", False):
                    raise DoesNotFit(
                        f"`{module.name}` replaces all weights of the denoiser, and those of `{base.name}` are in 4 bits: load it "
                        'without `quantisation`, or in "8bit".'
                    )
                patches.append(Weights(denoiser, module.folder / base.family.denoiser, module.name))
    except HubError:
        for each in patches:
            each.remove()
        raise
    return join(patches)


def _refuse_second_denoiser(loaded: LoadedModule, module: ModuleSource, pipe: Any, base: BaseSource) -> None:
    """Raise DoesNotFit for a module that changes the denoiser of a base that has two, as Wan 2.2 for noisy and clean steps."""
    changes = getattr(loaded.module, "per_step", False) or getattr(loaded.module, "denoiser_parts", {})
    second = f"{base.family.denoiser}_2"
    if getattr(pipe, second, None) is not None and (changes or module.config.delta):
        raise DoesNotFit(
            f"`{module.name}` changes the denoiser, and `{base.name}` has two, which no module changes together: choose a module that only "
            "reads prompts."
        )


def _per_step(loaded: LoadedModule, denoiser: nn.Module) -> PerStep:
    """Hook the module into the denoiser. Raises DoesNotFit if it needs a pooled vector or rows encoded by the base."""
    given, empty = loaded.config.variant.conditioning, loaded.config.empty
    if empty != "encode" or given.pooled_width is not None:
        raise DoesNotFit(
            f"`{loaded.name}` runs at every step and reads every prompt of a batch, so `prompt.empty` must be `encode` "
            f"(it is `{empty}`), and it gives no pooled vector."
        )
    assert loaded.encoder is not None
    assert loaded.module is not None
    return PerStep(denoiser, loaded.module, loaded.name, in_width=loaded.encoder.width, out_width=given.width)


def _with_patch(loaded: LoadedModule, module: ModuleSource, pipe: Any, base: BaseSource) -> LoadedModule:
    """Return `loaded` with the patches that its module applies to the base."""
    patch = _patch_of(loaded, module, pipe, base)
    if patch is None:
        return loaded
    own = {module.folder / WEIGHTS} if loaded.module is not None else set()
    folders = (".", base.family.denoiser, "text_encoder*")
    files = [file for each in folders for file in module.folder.glob(f"{each}/*.safetensors")]
    return replace(loaded, patch=patch, patch_bytes=sum(each.stat().st_size for each in {*files} - own))


def _read_phrases(
    name: str,
    folder: Path,
    config: ModuleConfig,
    shared: tuple[SharedEncoder, ...],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> LoadedModule:
    reader = PhraseReader.from_folder(
        folder, config, partial(join_encoders, shared, config), device=device, dtype=dtype, what=name
    )
    return LoadedModule(name, config, None, shared, translator=reader)
