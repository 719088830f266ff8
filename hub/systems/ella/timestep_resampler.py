"""ELLA's connector: learned queries read a language model's states, differently at every denoising step.

Layers and key names are those of `ELLA` and `PerceiverResampler` (Hu et al., arXiv 2403.05135; `TencentQQGYLab/ELLA`,
`model.py`), so that the published safetensors load unchanged.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q queries, C conditioning width, T width of the time
embedding.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import TimestepEmbedding, get_timestep_embedding
from torch import Tensor, nn

from hub.embeddings import Embeddings
from hub.errors import DoesNotFit

EPSILON = 1e-6
"""Epsilon of the adaptive LayerNorms."""


class TimestepResampler(nn.Module):
    """The one architecture that reads the timestep, and so runs at every step: `per_step`.

    `mask` masks padding. The original reads prompts in two ways: padded to 128 tokens without a mask (`mask` false), or
    truncated to the prompt's tokens, which masking computes for a whole batch; its examples use the second.
    `time_channels` are those of the sinusoidal features, half cosines, then half sines.
    """

    per_step = True

    def __init__(
        self,
        in_width: int = 2048,
        out_width: int = 768,
        queries: int = 64,
        layers: int = 6,
        heads: int = 8,
        time_width: int = 768,
        time_channels: int = 320,
        mask: bool = False,
    ) -> None:
        super().__init__()
        if out_width % heads:
            raise ValueError(f"`out_width` {out_width} cannot be split among {heads} heads.")
        self.mask = mask
        self.time_channels = time_channels
        self.time_embedding = TimestepEmbedding(in_channels=time_channels, time_embed_dim=time_width)
        self.connector = Connector(in_width, out_width, queries, layers, heads, time_width)

    def forward(
        self, tokens_BLE: Tensor, mask_BL: Tensor | None = None, timestep: Tensor | float | None = None
    ) -> Embeddings:
        """Shapes: (B, L, E), (B, L) true where a token counts, () or (B,) in the scheduler's steps → tokens (B, Q, C).

        Raises DoesNotFit without a timestep.
        """
        if timestep is None:
            raise DoesNotFit("this module reads the timestep: call it at every step, not once before the loop.")
        steps_B = torch.as_tensor(timestep, device=tokens_BLE.device).reshape(-1).expand(len(tokens_BLE))
        waves_BT = get_timestep_embedding(steps_B, self.time_channels, flip_sin_to_cos=True, downscale_freq_shift=0)
        time_B1T = self.time_embedding(waves_BT.to(tokens_BLE.dtype))[:, None]
        ignored_BL = ~mask_BL.bool() if self.mask and mask_BL is not None else None
        return Embeddings(self.connector(tokens_BLE, time_B1T, ignored_BL))


class Connector(nn.Module):
    """`PerceiverResampler`: queries shifted by the time, then blocks that read the projected states."""

    def __init__(self, in_width: int, out_width: int, queries: int, layers: int, heads: int, time_width: int) -> None:
        super().__init__()
        self.latents = nn.Parameter(out_width**-0.5 * torch.randn(queries, out_width))
        self.time_aware_linear = nn.Linear(time_width, out_width)
        self.proj_in = nn.Linear(in_width, out_width)
        self.perceiver_blocks = nn.ModuleList(ReadingBlock(out_width, heads, time_width) for _ in range(layers))

    def forward(self, tokens_BLE: Tensor, time_B1T: Tensor, ignored_BL: Tensor | None) -> Tensor:
        """Shapes: (B, L, E), (B, 1, T), (B, L) true where a token is masked → (B, Q, C)."""
        x_BQC: Tensor = self.latents + self.time_aware_linear(F.silu(time_B1T))
        states_BLC = self.proj_in(tokens_BLE)
        for block in self.perceiver_blocks:
            x_BQC = block(x_BQC, states_BLC, time_B1T, ignored_BL)
        return x_BQC


class ReadingBlock(nn.Module):
    """`PerceiverAttentionBlock`: queries attend to queries and states, then an MLP with a squared ReLU."""

    def __init__(self, width: int, heads: int, time_width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(width, 4 * width), sq_relu=SquaredReLU(), c_proj=nn.Linear(4 * width, width))
        )
        self.ln_1 = AdaptiveNorm(width, time_width)
        self.ln_2 = AdaptiveNorm(width, time_width)
        self.ln_ff = AdaptiveNorm(width, time_width)

    def forward(self, x_BQC: Tensor, states_BLC: Tensor, time_B1T: Tensor, ignored_BL: Tensor | None) -> Tensor:
        """Shapes: (B, Q, C), (B, L, C), (B, 1, T), (B, L) → (B, Q, C)."""
        queries_BQC = self.ln_1(x_BQC, time_B1T)
        keys_BNC = torch.cat([queries_BQC, self.ln_2(states_BLC, time_B1T)], dim=1)
        ignored_BN = None if ignored_BL is None else F.pad(ignored_BL, (x_BQC.shape[1], 0))
        attended_BQC, _ = self.attn(queries_BQC, keys_BNC, keys_BNC, key_padding_mask=ignored_BN, need_weights=False)
        x_BQC = x_BQC + attended_BQC
        output_BQC: Tensor = x_BQC + self.mlp(self.ln_ff(x_BQC, time_B1T))
        return output_BQC


class AdaptiveNorm(nn.Module):
    """`AdaLayerNorm`: LayerNorm, then scale and shift by the time. Untrained, it is a plain LayerNorm."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(time_width, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.norm = nn.LayerNorm(width, elementwise_affine=False, eps=EPSILON)

    def forward(self, x_BLC: Tensor, time_B1T: Tensor) -> Tensor:
        """Shapes: (B, L, C), (B, 1, T) → (B, L, C)."""
        shift_B1C, scale_B1C = self.linear(F.silu(time_B1T)).chunk(2, dim=-1)
        normed_BLC: Tensor = self.norm(x_BLC) * (1 + scale_B1C) + shift_B1C
        return normed_BLC


class SquaredReLU(nn.Module):
    """max(x, 0)²."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return F.relu(x).square()
