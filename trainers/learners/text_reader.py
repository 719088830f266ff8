"""The base class of modules that encode texts themselves, from tokens to embeddings, and can have their own denoiser.

A module between encoder and base maps cached states. A `TextReader` instead receives texts as tokens, since the encoder
itself is trained and its states cannot be cached.

Shape letters: B batch, L tokens, C conditioning width, K H W a latent.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TypeVar

from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from trainers.inputs.conditioning import apply_module
from trainers.inputs.features import FeatureDataset

Part = nn.Module | nn.Parameter
Model = TypeVar("Model", bound=nn.Module)


class TextReader(nn.Module, ABC):
    """A trainable text encoder, with an optional trainable denoiser."""

    denoiser: nn.Module | None
    """The trainable denoiser; None uses the frozen base."""

    def __init__(self, denoiser: nn.Module | None = None) -> None:
        super().__init__()
        self.denoiser = denoiser

    @abstractmethod
    def read(self, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
        """Return the embeddings of the texts `rows_B` (B,) of a feature dataset: tokens (B, L, C), and what else the base reads."""

    @abstractmethod
    def text_parts(self) -> Iterable[Part]:
        """Return the trainable parts of the text encoder."""

    def denoiser_parts(self) -> Iterable[Part]:
        """Return the trainable parts of the denoiser; empty without one."""
        return [] if self.denoiser is None else [self.denoiser]

    def predict(
        self, base: FrozenBase, noised_BKHW: Tensor, steps_B: Tensor, given: Embeddings, **sizes: Tensor
    ) -> Tensor:
        """Return the denoiser's prediction (B, K, H, W) for noisy latents (B, K, H, W) at timesteps (B,).

        `sizes` has `sizes_B6` as `FrozenBase.predict` takes it, or nothing.
        """
        if self.denoiser is not None:
            base = base.with_parts({base.denoiser_name: self.denoiser})
        return base.predict(noised_BKHW, steps_B, *given[:3], **sizes)


def embeddings_of(module: nn.Module, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
    """Return what the denoiser reads for the texts `rows_B` (B,), from a reader or from a module between encoder and base."""
    return module.read(features, rows_B) if isinstance(module, TextReader) else apply_module(module, features, rows_B)


TrainablePart = Callable[[TextReader], Iterable[Part]]
"""Chooses the parts of a reader that a phase trains."""


def text(reader: TextReader) -> list[Part]:
    """Return all parts of the text encoder."""
    return [*reader.text_parts()]


def denoiser(reader: TextReader) -> list[Part]:
    """Return the whole denoiser, or all LoRAs in it."""
    return [*reader.denoiser_parts()]


def everything(reader: TextReader) -> list[Part]:
    """Return all parts of the text encoder and the denoiser."""
    return [*reader.text_parts(), *reader.denoiser_parts()]


def cross_attention(reader: TextReader) -> list[Part]:
    """Return every linear layer of the denoiser's cross-attention."""
    return _attention(reader, ("to_q", "to_k", "to_v", "to_out"))


def keys_and_values(reader: TextReader) -> list[Part]:
    """Return the key and value layers of the denoiser's cross-attention, whose inputs are the text's states."""
    return _attention(reader, ("to_k", "to_v"))


def set_trainable(reader: TextReader, choose: TrainablePart) -> None:
    """Make only the chosen parts of `reader` trainable. Raises `DoesNotFit` if it has no such parts."""
    reader.requires_grad_(False)
    parts = [*choose(reader)]
    for part in parts:
        part.requires_grad_(True)
    if not parts:
        raise DoesNotFit(
            f"a {type(reader).__name__} has no `{choose.__name__}` to train: leave this phase out, with a recipe file."
        )


def share_weights(model: Model) -> Model:
    """Return a copy of a model with the same parameters and buffers, to which LoRAs can be added without changing the model."""
    kept = [*model.parameters(), *model.buffers()]
    return copy.deepcopy(model, {id(each): each for each in kept})


def disable_dropout(model: nn.Module) -> nn.Module:
    """Set every dropout of the model to 0: a resumed run could not restore the random state that it uses."""
    for each in model.modules():
        if isinstance(each, nn.Dropout):
            each.p = 0.0
    return model


def _attention(reader: TextReader, names: tuple[str, ...]) -> list[Part]:
    """Return the named parts of every `attn2`, which is cross-attention in diffusers."""
    if reader.denoiser is None:
        return []
    return [
        part
        for path, attention in reader.denoiser.named_modules()
        if path.endswith("attn2")
        for name, part in attention.named_children()
        if name in names
    ]
