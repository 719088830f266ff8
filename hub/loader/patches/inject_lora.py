"""Add a LoRA to a model with peft where diffusers loads none: text encoders other than CLIP, and PixArt's transformer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

SIDES = (".lora_A.weight", ".lora_B.weight")
"""PEFT's suffixes of the two matrices of a layer."""


def inject_lora(
    model: nn.Module,
    file: Path,
    prefix: str,
    ranks: Mapping[str, int],
    adapter: str,
    *,
    alpha: float | None,
    **settings: Any,
) -> None:
    """Add, inactive, the LoRA of the layers `ranks`, path → rank, from `file`, whose keys begin with `prefix`.

    It has the type and the device of each layer. `alpha` None scales each layer by 1. `settings` are attributes of peft's
    `LoraConfig`. What was trainable stays so, since peft freezes what it does not train.
    """
    from peft import LoraConfig, inject_adapter_in_model
    from safetensors import safe_open

    first = next(iter(ranks.values()))
    config = LoraConfig(r=first, lora_alpha=first if alpha is None else alpha, target_modules=sorted(ranks))
    if any(each != first for each in ranks.values()):
        config.rank_pattern, config.alpha_pattern = dict(ranks), dict(ranks)
    for name, value in settings.items():
        setattr(config, name, value)
    trained = {name for name, each in model.named_parameters() if each.requires_grad}
    inject_adapter_in_model(config, model, adapter_name=adapter)
    with safe_open(file, framework="pt") as stored:
        for path in ranks:
            layer: Any = model.get_submodule(path)
            weight = layer.get_base_layer().weight
            like = weight if weight.is_floating_point() else layer.lora_A[adapter].weight
            for sides, side in ((layer.lora_A, SIDES[0]), (layer.lora_B, SIDES[1])):
                values = stored.get_tensor(f"{prefix}{path}{side}").to(device=weight.device, dtype=like.dtype)
                sides[adapter].weight = nn.Parameter(values, requires_grad=False)
            layer.set_adapter([each for each in layer.active_adapters if each != adapter], inference_mode=True)
    for name, each in model.named_parameters():
        each.requires_grad_(name in trained)


def layers_with(models: Iterable[nn.Module], adapter: str) -> list[Any]:
    """Return the layers of `models` that have the LoRA `adapter`."""
    from peft.tuners.lora import LoraLayer  # takes a second to import, and most modules have no LoRA

    return [
        layer
        for model in models
        for layer in model.modules()
        if isinstance(layer, LoraLayer) and adapter in layer.lora_A
    ]
