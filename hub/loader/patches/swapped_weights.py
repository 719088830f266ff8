"""Other weights in the place of a denoiser's own, all of them or those of one part; its own are kept and come back.

Parameters change places, no number is copied: what waits is what worked before, so taking a change back is exact to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hub.errors import DoesNotFit, WeightsDoNotFit
from hub.weights.strict import Entry, disagreements_of, read_header

DENOISER = "diffusion_pytorch_model.safetensors"
"""diffusers' own name of the file."""


class SwappedWeights:
    """Weights of `denoiser`, by the names they have in it, that wait for their turn."""

    exclusive = True

    def __init__(self, denoiser: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
        """`weights` of the module `name` fit; they are brought to the type and device of those in whose place they stand."""
        self._denoiser = denoiser
        self._name = name
        own = own_parameters(denoiser)
        self._waiting: Mapping[str, nn.Parameter] = {
            key: nn.Parameter(_beside(value, own[key]), requires_grad=False) for key, value in weights.items()
        }
        self._is_on = False

    def switch(self, on: bool) -> None:
        """Exchange the weights that work with those that wait. Raises DoesNotFit when the denoiser's are nowhere."""
        if on == self._is_on:
            return
        places = _places(self._denoiser)
        own = {key: _at(places[key]) for key in self._waiting}
        if any(value.device.type == "meta" for value in own.values()):
            raise DoesNotFit(
                f"`{self._name}` brings weights of its own for the denoiser, which is offloaded by layers here: load again, and use "
                "`pipe.enable_model_cpu_offload()` instead of `enable_sequential_cpu_offload()`."
            )
        for key, value in self._waiting.items():
            owner, leaf = places[key]
            owner.register_parameter(leaf, value)
        self._waiting, self._is_on = own, on

    def remove(self) -> None:
        """Put the base's own back."""
        self.switch(False)

    def move(self, device: torch.device) -> None:
        """Those that wait follow."""
        for value in self._waiting.values():
            value.data = value.data.to(device)


class Weights(SwappedWeights):
    """All weights of a denoiser, in diffusers' own file."""

    def __init__(self, denoiser: nn.Module, folder: Path, name: str) -> None:
        """Read `folder`'s file. Raises WeightsDoNotFit, Damaged and WrongSource before a weight is read."""
        problems = disagreements_of(own_parameters(denoiser), read_header(folder / DENOISER, what=name))
        if problems:
            raise WeightsDoNotFit(name, problems)
        super().__init__(denoiser, load_file(folder / DENOISER), name)


class Parts(SwappedWeights):
    """Weights that a module brings for parts of the denoiser: MuLan's `add_embedding`, in the place of SDXL's."""

    def __init__(self, denoiser: nn.Module, parts: Mapping[str, nn.Module], name: str) -> None:
        """`parts` by their paths in the denoiser. Raises WeightsDoNotFit before anything is changed."""
        denoiser = getattr(denoiser, "_orig_mod", denoiser)  # behind `torch.compile`
        brought = {f"{path}.{key}": value for path, part in parts.items() for key, value in part.state_dict().items()}
        own = {
            key: value
            for key, value in own_parameters(denoiser).items()
            if key.startswith(tuple(f"{path}." for path in parts))
        }
        entries = {key: Entry(value.dtype, tuple(value.shape)) for key, value in brought.items()}
        problems = disagreements_of(own, entries)
        if problems:
            raise WeightsDoNotFit(
                name,
                [f"the denoiser's {problem}" for problem in problems],
                f"It was made for another base: see which with `hub show {name}`.",
            )
        super().__init__(denoiser, brought, name)


def own_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """What works now, under the names it has without LoRAs."""
    return {key: _at(place) for key, place in _places(module).items()}


def _places(module: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """Owner and name of every parameter of the base, under the name it has without LoRAs."""
    places = {}
    for key, _ in module.named_parameters():
        if "lora_" not in key:
            owner, _, leaf = key.rpartition(".")
            places[key.replace(".base_layer.", ".")] = (module.get_submodule(owner), leaf)
    return places


def _at(place: tuple[nn.Module, str]) -> nn.Parameter:
    found: nn.Parameter = getattr(*place)
    return found


def _beside(value: Tensor, own: Tensor) -> Tensor:
    """In the type of `own` and where it is; where it was, when `own` is nowhere (offloaded by layers)."""
    return value.to(value.device if own.device.type == "meta" else own.device, own.dtype)
