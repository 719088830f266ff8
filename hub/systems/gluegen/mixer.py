"""GlueGen's adapter: token and channel mixing, from one text encoder's states to those another base was trained to read.

Layers and key names are those of `Translator_noln` in GlueGen (Qin et al., ICCV 2023, arXiv 2303.10056;
`salesforce/GlueGen`, `multilingual-gluenet/model.py`). The scaling around it, a third of the states in and fixed norms out, is
in `ldm/modules/encoders/modules.py` of the same repository, and not in the weights.

Shape letters: B batch, L tokens, the same in and out, E encoder width, C conditioning width.
"""

from __future__ import annotations

from torch import Tensor, nn

from hub.embeddings import Embeddings

INPUT_SCALE = 1 / 3
"""Scale of XLM-R's last states."""
NORMS = (
    43.8203, 28.3668, 27.9345, 28.0084, 28.2958, 28.2576, 28.3373, 28.2695, 28.4097, 28.2790, 28.2825, 28.2807, 28.2775, 28.2708,
    28.2682, 28.2624, 28.2589, 28.2611, 28.2616, 28.2639, 28.2613, 28.2566, 28.2615, 28.2665, 28.2799, 28.2885, 28.2852, 28.2863,
    28.2780, 28.2818, 28.2764, 28.2532, 28.2412, 28.2336, 28.2514, 28.2734, 28.2763, 28.2977, 28.2971, 28.2948, 28.2818, 28.2676,
    28.2831, 28.2890, 28.2979, 28.2999, 28.3117, 28.3363, 28.3554, 28.3626, 28.3589, 28.3597, 28.3543, 28.3660, 28.3731, 28.3717,
    28.3812, 28.3753, 28.3810, 28.3777, 28.3693, 28.3713, 28.3670, 28.3691, 28.3679, 28.3624, 28.3703, 28.3703, 28.3720, 28.3594,
    28.3576, 28.3562, 28.3438, 28.3376, 28.3389, 28.3433, 28.3191,
)  # fmt: skip
"""Mean norm of CLIP-L's states at each of its 77 positions; the output is scaled by half of it."""


class Mixer(nn.Module):
    """blocks of x ← GELU(block(x) + x) with LayerNorms, then a tail without, then half of the fixed norms.

    `tokens` is the number of states, fixed by token mixing: prompts must be padded to it. Original sizes: 77 tokens,
    1024 → 768, 5 blocks, hidden layers twice as wide. Raises ValueError unless there is one norm per token.
    """

    def __init__(
        self,
        in_width: int,
        out_width: int,
        tokens: int = 77,
        blocks: int = 5,
        multiple: int = 2,
        norms: tuple[float, ...] | list[float] = NORMS,
    ) -> None:
        super().__init__()
        if len(norms) != tokens:
            raise ValueError(f"{tokens} tokens need as many norms, not {len(norms)}.")
        self.norms = tuple(norms)
        self.blocks = nn.ModuleList(MixerBlock(tokens, in_width, in_width, multiple, norm=True) for _ in range(blocks))
        self.gelu = nn.GELU()
        self.tail = MixerBlock(tokens, in_width, out_width, multiple, norm=False)

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor | None = None) -> Embeddings:  # noqa: ARG002 - the signature of all modules
        """Shape: (B, L, E) → tokens (B, L, C). The mask is not read: padding is mixed, too."""
        x_BLE = tokens_BLE * INPUT_SCALE
        for block in self.blocks:
            x_BLE = self.gelu(block(x_BLE) + x_BLE)
        norms_L1 = x_BLE.new_tensor(self.norms)[:, None]
        return Embeddings(self.tail(x_BLE) * (norms_L1 / 2))


class MixerBlock(nn.Module):
    """`translator_base`: an MLP over the channels of every token, then one over the tokens of every channel.

    Each adds its input if input and output widths agree.
    """

    def __init__(self, tokens: int, in_width: int, out_width: int, multiple: int, *, norm: bool) -> None:
        super().__init__()
        self.adds = in_width == out_width
        self.net_tok = _mlp(tokens, multiple * tokens, tokens, norm=norm)
        self.net_sen = _mlp(in_width, multiple * in_width, out_width, norm=norm)

    def forward(self, x_BLE: Tensor) -> Tensor:
        """Shape: (B, L, E) → (B, L, C)."""
        x_BLC = self.net_sen(x_BLE)
        if self.adds:
            x_BLC = x_BLC + x_BLE
        x_BCL = x_BLC.transpose(1, 2)
        mixed_BCL = self.net_tok(x_BCL)
        if self.adds:
            mixed_BCL = mixed_BCL + x_BCL
        mixed_BLC: Tensor = mixed_BCL.transpose(1, 2)
        return mixed_BLC


def _mlp(first: int, hidden: int, last: int, *, norm: bool) -> nn.Sequential:
    """Build three linear layers with GELU (erf) between them, and with `norm` a LayerNorm after each."""
    layers: list[nn.Module] = []
    for before, after in ((first, hidden), (hidden, hidden), (hidden, last)):
        layers += [nn.Linear(before, after), *([nn.LayerNorm(after)] if norm else []), nn.GELU()]
    return nn.Sequential(*layers[:-1])
