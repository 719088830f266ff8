"""Modules that learn to read texts themselves, from tokens to what the denoiser reads, and may own a denoiser, too.

A module between encoder and base maps cached states. A `TextReader` instead is given texts as tokens, since the encoder itself
learns; nothing of it can be cached.

Shape letters: B batch, L tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.errors import DoesNotFit
from trainers.inputs.features import FeatureDataset

Part = nn.Module | nn.Parameter


class TextReader(nn.Module, ABC):
    """Says what the denoiser reads of a text; a subclass tells how."""

    denoiser: nn.Module | None
    """One of its own, or None: then the frozen base draws."""

    def __init__(self, denoiser: nn.Module | None = None) -> None:
        super().__init__()
        self.denoiser = denoiser

    @abstractmethod
    def read(self, features: FeatureDataset, rows_B: Tensor) -> Tensor:
        """What the denoiser reads of some texts of the material, (B, L, C)."""

    @abstractmethod
    def text_parts(self) -> Iterable[Part]:
        """What of it may learn to read."""

    def denoiser_parts(self) -> Iterable[Part]:
        """What of its denoiser may learn; nothing without one."""
        return [] if self.denoiser is None else [self.denoiser]

    def predict(self, base: FrozenBase, noised_BKHW: Tensor, steps_B: Tensor, states_BLC: Tensor) -> Tensor:
        """The answer of its denoiser, (B, K, H, W)."""
        if self.denoiser is None:
            return base.predict(noised_BKHW, steps_B, states_BLC)
        answer: Tensor = self.denoiser(noised_BKHW, steps_B, encoder_hidden_states=states_BLC).sample
        return answer


TrainablePart = Callable[[TextReader], Iterable[Part]]
"""Which parts of a reader a phase trains."""


def text(reader: TextReader) -> list[Part]:
    """Whatever reads."""
    return [*reader.text_parts()]


def denoiser(reader: TextReader) -> list[Part]:
    """The whole denoiser, or all LoRAs in it."""
    return [*reader.denoiser_parts()]


def everything(reader: TextReader) -> list[Part]:
    """Whatever reads, and the whole denoiser."""
    return [*reader.text_parts(), *reader.denoiser_parts()]


def cross_attention(reader: TextReader) -> list[Part]:
    """Every linear of the denoiser's cross-attention."""
    return _attention(reader, ("to_q", "to_k", "to_v", "to_out"))


def keys_and_values(reader: TextReader) -> list[Part]:
    """Keys and values of the denoiser's cross-attention: all that reads the text's states directly."""
    return _attention(reader, ("to_k", "to_v"))


def set_trainable(reader: TextReader, learns: TrainablePart) -> None:
    """Let the chosen parts of `reader` learn, and nothing else of it. Raises DoesNotFit when there are none."""
    reader.requires_grad_(False)
    parts = [*learns(reader)]
    for part in parts:
        part.requires_grad_(True)
    if not parts:
        raise DoesNotFit(f"`{learns.__name__}` of a {type(reader).__name__} was to learn, and it has no such part.")


def without_dropout(model: nn.Module) -> nn.Module:
    """The model with every dropout at 0: it would draw from a generator that no resumed run can set back."""
    for each in model.modules():
        if isinstance(each, nn.Dropout):
            each.p = 0.0
    return model


def _attention(reader: TextReader, names: tuple[str, ...]) -> list[Part]:
    """Parts so called of every `attn2`, which is cross-attention in diffusers."""
    if reader.denoiser is None:
        return []
    return [
        part
        for path, attention in reader.denoiser.named_modules()
        if path.endswith("attn2")
        for name, part in attention.named_children()
        if name in names
    ]
