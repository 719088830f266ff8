"""Several frozen text encoders side by side: each reads the text, and their token states are joined on channels.

PEA-Diffusion's `mul_clip—chinese_clip` and MultilingualSD3 read so: `torch.cat([states of the one, states of the other], -1)`. Each
encoder has a tokenizer of its own, so token 5 of one stands for other letters than token 5 of the other; what learnt on the two knows.

Shape letters: B batch, L tokens, E width of all encoders together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hub.encoders.encoder import States, TextEncoder
from hub.errors import DoesNotFit


@dataclass(frozen=True, slots=True)
class JoinedEncoder:
    """Texts in, joined token states out, in the order of `parts`."""

    parts: tuple[TextEncoder, ...]

    @property
    def width(self) -> int:
        """E, channels of a joined state."""
        return sum(part.width for part in self.parts)

    @property
    def pooled_width(self) -> int | None:
        """None: joined encoders have no one vector of a text."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the weights of all of them are."""
        return self.parts[0].device

    def encode(
        self, texts: Sequence[str], length: int, *, prefix: str = "", drop: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]:
        """Token states (B, L, E) and mask (B, L): the first two of `states`."""
        tokens_BLE, mask_BL, _ = self.states(texts, length, prefix=prefix, drop=drop)
        return tokens_BLE, mask_BL

    def states(self, texts: Sequence[str], length: int, *, prefix: str = "", drop: Sequence[int] = ()) -> States:
        """Token states (B, L, E), and the mask (B, L), true where any encoder's token counts. See `TextEncoder.states`.

        Raises DoesNotFit when their read-outs give different numbers of tokens.
        """
        answers = [part.states(texts, length, prefix=prefix, drop=drop) for part in self.parts]
        lengths = [answer.tokens_BLE.shape[1] for answer in answers]
        if len(set(lengths)) > 1:
            raise DoesNotFit(
                f"encoders that are read side by side must give as many tokens each, and these give {lengths}: choose their "
                "`readout` in the module's config.json."
            )
        mask_BL = torch.stack([answer.mask_BL.to(self.device) for answer in answers]).any(dim=0)
        return States(torch.cat([answer.tokens_BLE.to(self.device) for answer in answers], dim=-1), mask_BL)
