"""Run modules that read the timestep at every denoising step (ELLA; Hu et al., arXiv 2403.05135).

The pipeline does not know about them: the encoder's states pass through it as embeddings do, and a forward pre-hook of the
denoiser turns them into embeddings. The mask is one more channel of the states, so that it is truncated, repeated and batched
with negative prompts together with them.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q tokens for the denoiser, C conditioning width.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from hub.bases.patch import Patch, uncompiled
from hub.errors import DoesNotFit
from hub.weights.devices import is_on

STATES, TIMESTEP, MASK = "encoder_hidden_states", "timestep", "encoder_attention_mask"
"""Argument names of diffusers' denoisers."""


class PerStep(Patch):
    """A `Patch` of the base: while on, the denoiser reads `module(states, mask, timestep)` instead of encoder states."""

    exclusive = True

    def __init__(self, denoiser: nn.Module, module: nn.Module, name: str, *, in_width: int, out_width: int) -> None:
        """Install the hook; widths are E and C. Raises DoesNotFit if states cannot be distinguished from finished embeddings."""
        if in_width + 1 == out_width:
            raise DoesNotFit(
                f"`{name}` runs at every step on states of width {in_width}, which with their mask are as wide as the embeddings "
                f"of the base ({out_width}): they cannot be distinguished."
            )
        self._module, self._name, self._width, self._is_on = module, name, in_width + 1, False
        plain = uncompiled(denoiser)
        self._places = list(inspect.signature(type(plain).forward).parameters)[1:]
        # Installed until `remove`, with a flag: `torch.compile` looks at hooks once.
        self._hook = plain.register_forward_pre_hook(self._before, with_kwargs=True)

    def switch(self, on: bool) -> None:
        """Turn the module on, or let embeddings pass unchanged."""
        self._is_on = on

    def remove(self) -> None:
        """Remove the hook."""
        self._is_on = False
        self._hook.remove()

    def _before(self, _: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any] | None:
        """Replace states by finished embeddings in the denoiser's arguments; None leaves them unchanged."""
        places = self._places[: len(inputs)]
        given = {**dict(zip(places, inputs, strict=True)), **named}
        states = given.get(STATES)
        if not self._is_on or states is None or states.shape[-1] != self._width:
            return None
        tokens_BLE, mask_BL = split_mask(states)
        if not is_on(
            self._module, states.device
        ):  # the denoiser may have been moved, or offloaded, without this module
            self._module.to(states.device)
        dtype = next(self._module.parameters()).dtype
        steps_B = per_row(given[TIMESTEP], len(states), states.device)
        embeddings = self._module(tokens_BLE.to(dtype), mask_BL, steps_B)
        changed = {STATES: embeddings.tokens_BLC.to(states.dtype)}
        if given.get(MASK) is not None:
            counts = torch.ones(embeddings.tokens_BLC.shape[:2]) if embeddings.mask_BL is None else embeddings.mask_BL
            changed[MASK] = counts.to(given[MASK])
        positional = tuple(changed.get(name, value) for name, value in zip(places, inputs, strict=True))
        return positional, named | {name: value for name, value in changed.items() if name in named}


def append_mask(tokens_BLE: Tensor, mask_BL: Tensor) -> Tensor:
    """Append the mask to the states as the last channel, (B, L, E + 1)."""
    return torch.cat([tokens_BLE, mask_BL[..., None].to(tokens_BLE.dtype)], dim=-1)


def split_mask(states: Tensor) -> tuple[Tensor, Tensor]:
    """Return states (B, L, E) and mask (B, L), true where a token counts: the inverse of `append_mask`."""
    return states[..., :-1], states[..., -1] > 0.5


def per_row(timestep: Tensor | float, count: int, device: torch.device) -> Tensor:
    """Return one step per row, (B,), from one for all (number or tensor) or one for each."""
    step = torch.as_tensor(timestep, device=device).reshape(-1)
    return step.expand(count) if len(step) == 1 else step
