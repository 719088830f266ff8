"""Patch a base reversibly.

    LowRank        a LoRA, which diffusers loads and removes through peft
    Weights        other weights of all of the denoiser (`swapped_weights.py`)
    Parts          other weights of parts of the denoiser (`swapped_weights.py`)
    PerStep        a module before the denoiser, at every step (`timestep_hook.py`)
    EncoderLora    a LoRA of the text encoder, active for the module's prompts alone (`encoder_lora.py`)
    VirtualTokens  further input embeddings of the text encoder, as in textual inversion
    PatchList      several patches as one

Every file is checked against the base by its header, before a weight is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hub.bases.patch import Patch
from hub.errors import WeightsDoNotFit
from hub.loader.patches.inject_lora import inject_lora, layers_with
from hub.loader.patches.offloading import without_offloading
from hub.weights.strict import TensorEntry, read_header

LORA = "pytorch_lora_weights.safetensors"
"""diffusers' file name."""
EMBEDDINGS = "learned_embeds.safetensors"
_LORA_KEY = re.compile(r"(unet|transformer|text_encoder|text_encoder_2)\.(.+)\.lora_(A|B)\.weight")


class LowRank(Patch):
    """A LoRA in PEFT's format; other LoRAs of the pipeline are left unchanged."""

    exclusive = True

    def __init__(self, pipe: Any, folder: Path, name: str) -> None:
        """Read `folder`'s file into `pipe`. Raises WeightsDoNotFit, DamagedFile and InvalidSource before anything is changed."""
        header = read_header(folder / LORA, what=name)
        if problems := lora_problems(pipe, header):
            raise WeightsDoNotFit(name, problems)
        self.adapter = name.replace(".", "_")  # peft keeps adapters in an `nn.ModuleDict`, whose keys have no dots
        self._pipe = pipe
        others = _active(pipe)
        with without_offloading(pipe):
            if hasattr(pipe, "load_lora_weights"):
                pipe.load_lora_weights(folder, weight_name=LORA, adapter_name=self.adapter)
            else:
                _inject(pipe, folder / LORA, header, self.adapter)
        _activate(pipe, others)  # loading a LoRA may activate it

    def switch(self, on: bool) -> None:
        """Activate or deactivate the LoRA; the user's choice of other LoRAs is kept."""
        others = self._others()
        _activate(self._pipe, [*others, self.adapter] if on else others)

    def remove(self) -> None:
        """Remove the LoRA through diffusers. Layers without another one are plain again."""
        others = self._others()
        if hasattr(self._pipe, "delete_adapters"):
            self._pipe.delete_adapters(self.adapter)
        else:
            for layer in layers_with(_models(self._pipe), self.adapter):
                layer.delete_adapter(self.adapter)
        for part in _models(self._pipe):
            unwrap(part)
        _activate(self._pipe, others)

    def _others(self) -> list[str]:
        return [name for name in _active(self._pipe) if name != self.adapter]


class VirtualTokens(Patch):
    """Learned embeddings of a new word of the base's tokenizer, for prompts that begin with it."""

    def __init__(self, pipe: Any, folder: Path, name: str) -> None:
        """Read `folder`'s file into `pipe`. Raises WeightsDoNotFit, DamagedFile and InvalidSource before anything is changed."""
        header = read_header(folder / EMBEDDINGS, what=name)
        width = pipe.text_encoder.get_input_embeddings().embedding_dim
        problems = [
            f"`{key}` is {'×'.join(map(str, entry.shape))} and should be one vector of {width} for each token"
            for key, entry in header.items()
            if len(entry.shape) != 2 or entry.shape[1] != width
        ]
        problems += [] if len(header) == 1 else [f"it has {len(header)} words and should have one"]
        if problems:
            raise WeightsDoNotFit(name, problems)
        ((word, entry),) = header.items()
        self._words = [word, *(f"{word}_{place}" for place in range(1, entry.shape[0]))]  # as diffusers names them
        self._pipe = pipe
        with without_offloading(pipe):
            pipe.load_textual_inversion(folder, weight_name=EMBEDDINGS)

    def remove(self) -> None:
        """Remove the words through diffusers, which does not reset `vocab_size` in the configuration."""
        with without_offloading(self._pipe):
            self._pipe.unload_textual_inversion(self._words)
        encoder = self._pipe.text_encoder
        encoder.config.vocab_size = encoder.get_input_embeddings().num_embeddings


class PatchList(Patch):
    """Several patches as one."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self.patches = tuple(patches)
        self.exclusive = any(each.exclusive for each in self.patches)

    def switch(self, on: bool) -> None:
        """Switch all."""
        for each in self.patches:
            each.switch(on)

    def remove(self) -> None:
        """Remove all, the last one first."""
        for each in reversed(self.patches):
            each.remove()

    def move(self, device: torch.device) -> None:
        """Move all."""
        for each in self.patches:
            each.move(device)


def join(patches: Sequence[Patch]) -> Patch | None:
    """Join `patches` to one; None if there are none."""
    if len(patches) > 1:
        return PatchList(patches)
    return patches[0] if patches else None


def parts(patch: Patch | None) -> tuple[Patch, ...]:
    """Return the parts of a joined patch, or the patch itself."""
    return () if patch is None else patch.patches if isinstance(patch, PatchList) else (patch,)


def lora_problems(pipe: Any, header: Mapping[str, TensorEntry]) -> list[str]:
    """Return why a LoRA with this header does not fit the parts of `pipe`; empty if it fits."""
    problems = []
    ranks: dict[str, set[int]] = {}
    for key, entry in sorted(header.items()):
        found = _LORA_KEY.fullmatch(key)
        layer = _layer(getattr(pipe, found[1], None), found[2]) if found is not None else None
        if found is None or layer is None:
            problems.append(f"`{key}` is unexpected")
            continue
        is_down = found[3] == "A"
        wanted, place = (layer.shape[1], 1) if is_down else (layer.shape[0], 0)
        if len(entry.shape) != layer.dim() or entry.shape[place] != wanted:
            problems.append(
                f"`{key}` is {'×'.join(map(str, entry.shape))} and the layer {'×'.join(map(str, layer.shape))}"
            )
        ranks.setdefault(key.replace(f"lora_{found[3]}", "lora"), set()).add(entry.shape[0 if is_down else 1])
    problems += [f"`{key}` has ranks {sorted(each)}" for key, each in ranks.items() if len(each) > 1]
    return problems if header else ["it is empty"]


def _inject(pipe: Any, file: Path, header: Mapping[str, TensorEntry], adapter: str) -> None:
    """Add the LoRA in `file` to the parts of a pipeline that loads none itself, which is PixArt's."""
    ranks: dict[str, dict[str, int]] = {}
    for key, entry in header.items():
        if (found := _LORA_KEY.fullmatch(key)) is not None and found[3] == "A":
            ranks.setdefault(found[1], {})[found[2]] = entry.shape[0]
    for part, layers in ranks.items():
        inject_lora(getattr(pipe, part), file, f"{part}.", layers, adapter, alpha=None)


def _models(pipe: Any) -> Iterator[nn.Module]:
    return (part for part in pipe.components.values() if isinstance(part, nn.Module))


def _layer(component: nn.Module | None, path: str) -> Tensor | None:
    """Return the weight of the linear layer or convolution at `path`, with or without LoRAs."""
    try:
        layer: Any = component.get_submodule(path) if component is not None else None
    except AttributeError:
        return None
    weight = getattr(getattr(layer, "base_layer", layer), "weight", None)
    return weight if isinstance(weight, Tensor) and weight.dim() >= 2 else None


def unwrap(part: nn.Module) -> None:
    """Replace the layers of `part` whose last LoRA was deleted by the original ones."""
    from peft.tuners.lora import LoraLayer

    tuned = [(path, layer) for path, layer in part.named_modules() if isinstance(layer, LoraLayer)]
    for path, layer in tuned:
        if not layer.r:
            part.set_submodule(path, layer.get_base_layer())
    if tuned and not any(layer.r for _, layer in tuned):
        unload: Any = getattr(part, "unload_lora", None)
        if unload is not None:  # diffusers' also resets group offloading
            unload()
        elif hasattr(part, "peft_config"):
            del part.peft_config


def _tuned(pipe: Any) -> Iterator[Any]:
    """Yield the layers of all parts of `pipe` that have LoRAs."""
    from peft.tuners.tuners_utils import BaseTunerLayer  # takes a second to import, and most modules have no LoRA

    for part in _models(pipe):
        yield from (layer for layer in part.modules() if isinstance(layer, BaseTunerLayer))


def _active(pipe: Any) -> list[str]:
    """Return the LoRAs that are active in any layer."""
    return list(dict.fromkeys(name for layer in _tuned(pipe) for name in layer.active_adapters))


def _activate(pipe: Any, names: list[str]) -> None:
    """Activate exactly these LoRAs in every layer; diffusers takes the first layer for all of them."""
    for layer in _tuned(pipe):
        if list(layer.active_adapters) != names:
            layer.set_adapter(names, inference_mode=True)
