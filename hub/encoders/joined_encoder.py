"""Run several frozen text encoders on the same text and concatenate their token states on channels.

PEA-Diffusion's `mul_clip—chinese_clip` and MultilingualSD3 use `torch.cat([states of one, states of the other], -1)`. Each encoder
has its own tokenizer, so the same position means different letters in each of them. Modules were trained on that.

Shape letters: B batch, L tokens, E width of all encoders together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hub.encoders.text_encoder import States, TextEncoder
from hub.errors import DoesNotFit


@dataclass(frozen=True, slots=True)
class JoinedEncoder:
    """Texts to concatenated token states, in the order of `parts`."""

    parts: tuple[TextEncoder, ...]

    @property
    def width(self) -> int:
        """Return E, the sum of all widths."""
        return sum(part.width for part in self.parts)

    @property
    def pooled_width(self) -> int | None:
        """Return None: joined encoders have no pooled vector."""
        return None

    @property
    def device(self) -> torch.device:
        """Return the device of the first encoder, where states are joined."""
        return self.parts[0].device

    def encode(
        self, texts: Sequence[str], length: int, *, prefix: str = "", suffix: str = "", drop: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """Return token states (B, L, E) and mask (B, L): the first two of `states`."""
        tokens_BLE, mask_BL, _ = self.states(texts, length, prefix=prefix, suffix=suffix, drop=drop)
        return tokens_BLE, mask_BL

    def states(
        self, texts: Sequence[str], length: int, *, prefix: str = "", suffix: str = "", drop: Sequence[int] = ()
    ) -> States:
        """Return token states (B, L, E) and mask (B, L), true where any encoder's token counts. See `TextEncoder.states`.

        Raises DoesNotFit if their readouts give different numbers of tokens.
        """
        answers = [part.states(texts, length, prefix=prefix, suffix=suffix, drop=drop) for part in self.parts]
        lengths = [answer.tokens_BLE.shape[1] for answer in answers]
        if len(set(lengths)) > 1:
            raise DoesNotFit(
                f"joined encoders must give the same number of tokens, but these give {lengths}: choose their `readout` in the "
                "module's config.json."
            )
        mask_BL = torch.stack([answer.mask_BL.to(self.device) for answer in answers]).any(dim=0)
        return States(torch.cat([answer.tokens_BLE.to(self.device) for answer in answers], dim=-1), mask_BL)
