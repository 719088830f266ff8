"""Swap the weights of a denoiser, or of some of its parts, and restore them.

Parameters are exchanged without a copy unless the denoiser was moved or cast in between, so restoring is exact to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers.hooks.group_offloading import _is_group_offload_enabled
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.bases.patch import Patch, uncompiled
from hub.errors import DoesNotFit, OutOfMemory, WeightsDoNotFit
from hub.weights.strict import TensorEntry, disagreements_of, read_header

DENOISER = "diffusion_pytorch_model.safetensors"
"""diffusers' file name."""


class SwappedWeights(Patch):
    """Weights that replace those of the same names in a denoiser while the patch is on."""

    exclusive = True

    def __init__(self, denoiser: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
        """Keep `weights` of the module `name`, which have the shapes of those they replace."""
        self._denoiser = uncompiled(denoiser)
        self._name = name
        own = own_parameters(self._denoiser)
        self._inactive: Mapping[str, nn.Parameter] = {
            key: _like(value, own[key], what=name) for key, value in weights.items()
        }
        self._is_on = False

    def switch(self, on: bool) -> None:
        """Swap the weights in use with the inactive ones, which get the device and type that those in use have now.

        Raises DoesNotFit if the denoiser is offloaded by layers or groups, which keep copies of its weights.
        """
        if on == self._is_on:
            return
        locations = _locations(self._denoiser)
        own = {key: _at(locations[key]) for key in self._inactive}
        if _is_offloaded_in_parts(self._denoiser):
            raise DoesNotFit(
                f"`{self._name}` replaces weights of the denoiser, which is offloaded by layers or groups here: load the pipeline "
                "again and use `pipe.enable_model_cpu_offload()`."
            )
        new = {key: _like(value, own[key], what=self._name) for key, value in self._inactive.items()}
        for key, value in new.items():
            owner, leaf = locations[key]
            owner.register_parameter(leaf, value)
        self._inactive, self._is_on = own, on

    def remove(self) -> None:
        """Restore the base's own weights."""
        self.switch(False)

    def move(self, device: torch.device) -> None:
        """Move the inactive weights."""
        self._inactive = {key: _parameter(value.to(device)) for key, value in self._inactive.items()}


class Weights(SwappedWeights):
    """All weights of a denoiser, in diffusers' file."""

    def __init__(self, denoiser: nn.Module, folder: Path, name: str) -> None:
        """Read `folder`'s file. Raises WeightsDoNotFit, DamagedFile and InvalidSource before a weight is read."""
        plain = uncompiled(denoiser)
        constants = {key for key, _ in plain.named_buffers()}  # such as SD 3's positions: they stay the base's
        header = read_header(folder / DENOISER, what=name)
        trained = {key: entry for key, entry in header.items() if key not in constants}
        if problems := disagreements_of(own_parameters(plain), trained):
            raise WeightsDoNotFit(name, problems)
        weights = load_file(folder / DENOISER)
        super().__init__(denoiser, {key: weights[key] for key in trained}, name)


class Parts(SwappedWeights):
    """Weights of a module for parts of the denoiser, such as MuLan's `add_embedding` for SDXL's."""

    def __init__(self, denoiser: nn.Module, parts: Mapping[str, nn.Module], name: str) -> None:
        """Prepare `parts`, by their paths in the denoiser. Raises WeightsDoNotFit before anything is changed."""
        denoiser = uncompiled(denoiser)
        new = {f"{path}.{key}": value for path, part in parts.items() for key, value in part.state_dict().items()}
        own = {
            key: value
            for key, value in own_parameters(denoiser).items()
            if key.startswith(tuple(f"{path}." for path in parts))
        }
        entries = {key: TensorEntry(value.dtype, tuple(value.shape)) for key, value in new.items()}
        problems = disagreements_of(own, entries)
        if problems:
            raise WeightsDoNotFit(
                name,
                [f"the denoiser's {problem}" for problem in problems],
                f"It was made for another base: see which with `hub show {name}`.",
            )
        super().__init__(denoiser, new, name)


def own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters in use, under their names without LoRAs."""
    return {key: _at(place) for key, place in _locations(module).items()}


def _locations(module: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """Return owner and attribute of every parameter of the base, under its name without LoRAs."""
    locations = {}
    for key, _ in module.named_parameters():
        if "lora_" not in key:
            owner, _, leaf = key.rpartition(".")
            locations[key.replace(".base_layer.", ".")] = (module.get_submodule(owner), leaf)
    return locations


def _at(place: tuple[nn.Module, str]) -> nn.Parameter:
    found: nn.Parameter = getattr(*place)
    return found


def _like(value: Tensor, own: Tensor, *, what: str) -> nn.Parameter:
    """Return `value` in the type and on the device of `own`; of the type alone if `own` is offloaded by layers."""
    try:
        return _parameter(value.to(value.device if own.is_meta else own.device, own.dtype))
    except torch.OutOfMemoryError as error:
        raise OutOfMemory(
            f"the weights of `{what}` and those they replace do not fit {own.device} together: "
            "`pipe.enable_model_cpu_offload()` keeps both on the CPU while they are swapped."
        ) from error


def _parameter(value: Tensor) -> nn.Parameter:
    return value if isinstance(value, nn.Parameter) else nn.Parameter(value, requires_grad=False)


def _is_offloaded_in_parts(denoiser: nn.Module) -> bool:
    is_by_layers = any(each.is_meta for each in denoiser.parameters())
    return is_by_layers or _is_group_offload_enabled(denoiser)
