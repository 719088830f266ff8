"""A multilingual text encoder that learns to speak to a base, alone or together with the base's denoiser, and how both
are written.

A variant holds `model.safetensors` (the head) and `encoder/` (a transformers folder). Changed weights of the denoiser lie
beside them in the library's own format: a LoRA, or all of them in `unet/`.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.modules.module_config import WEIGHTS
from hub.systems.altdiffusion.linear_head import Transformation
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights
from trainers.inputs.features import FeatureDataset
from trainers.learners.low_rank import extract
from trainers.learners.text_reader import Part, TextReader, without_dropout

ENCODER = "encoder"
"""Folder of a variant that holds its own encoder."""
DENOISER = "unet"
READOUT = "last_hidden_state"
DELTAS = ("", "lora", "weights")
"""How a changed denoiser is kept; the empty word for one that does not change."""
NOT_THE_TOKENIZERS = {".safetensors", ".md", ".bin"}
"""Suffixes of files in an encoder's folder that say nothing about its tokenizer."""


class Student(TextReader):
    """A copy of the multilingual encoder that learns, and a linear transformation to the base's width."""

    def __init__(
        self, encoder: TextEncoder, width: int, denoiser: nn.Module | None = None, *, norm: bool = False
    ) -> None:
        """`norm` puts AltCLIP's LayerNorm before the transformation; AltDiffusion m2 and m9 have none. Copies, so that
        the frozen ones stay; without dropout, as AltCLIP's teacher learning is.
        """
        super().__init__(copy.deepcopy(denoiser))
        self.encoder = without_dropout(copy.deepcopy(encoder.model))
        self.transformation = Transformation(encoder.width, width, norm)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Shapes: (B, L), (B, L) → (B, L, C)."""
        states_BLE = self.encoder(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return cast(Tensor, self.transformation(states_BLE).tokens_BLC)

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Tensor:
        """Shape: (B, L, C)."""
        return cast(Tensor, self(*features.ids(rows_B)))

    def text_parts(self) -> list[Part]:
        """Encoder and transformation."""
        return [self.encoder, self.transformation]

    def units(self) -> list[nn.Module]:
        """For FSDP: the reader itself is asked by more than `forward`, and these are not."""
        own = [self.encoder, self.transformation]
        return own if self.denoiser is None else [*own, self.denoiser]


class StudentLearner:
    """Writes a student: its encoder and head, and what its denoiser has become."""

    architecture = "transformation"
    reads_encoder = False

    def __init__(self, student: Student, encoder: TextEncoder, before: nn.Module, delta: str, rank: int) -> None:
        """`before` is the base's own denoiser, which `delta`, `lora` or `weights`, is the difference to."""
        self.module: nn.Module = student
        self._student = student
        self.kind = "delta" if delta else "encoder"
        self.settings: dict[str, Any] = {
            "in_width": encoder.width,
            "out_width": student.transformation.transformation.out_features,
            "norm": student.transformation.pre_LN is not None,
        }
        self._encoder = encoder
        self._before = before
        self._delta = delta
        self._rank = rank
        self._written: dict[str, Any] = {}

    def write(self, variant: Path) -> None:
        """Everything in half precision."""
        save_weights(self._student.transformation, variant / WEIGHTS, torch.float16)
        write_transformer(self._student.encoder, self._encoder, variant / ENCODER)
        self._written = {
            "encoder": {"folder": ENCODER, "digest": digest_of(variant / ENCODER), "readout": READOUT},
        }
        if self._delta == "lora":
            assert self._student.denoiser is not None
            found = extract(self._before, self._student.denoiser, self._rank)
            write_lora(variant, denoiser=found.weights)
            error = round(found.relative_error, 4)
            self._written["delta"] = {"format": "lora", "rank": self._rank, "relative_error": error}
        elif self._delta == "weights":
            halved: Any = copy.deepcopy(self._student.denoiser).half()  # type: ignore[union-attr]
            halved.save_pretrained(variant / DENOISER)
            self._written["delta"] = {"format": "weights"}

    def config(self) -> dict[str, Any]:
        """Its own encoder in the place of a registered one, and what of the denoiser is changed. After `write`."""
        return self._written


def make_student(
    base: FrozenBase, encoder: TextEncoder, *, delta: str = "", rank: int = 32, norm: bool = False
) -> StudentLearner:
    """A copy of the encoder with a head; with `delta`, `lora` or `weights`, the denoiser learns, too.

    `rank` is that of a low-rank delta, `norm` AltCLIP's LayerNorm before the head. A plan sets its own with `partial`, and a
    recipe file others. InvalidRequest for what is no delta or rank.
    """
    if delta not in DELTAS or rank < 1:
        raise InvalidRequest(
            f"a delta of `{delta}` with rank {rank} cannot be kept: `module.delta` is lora, weights or empty, and "
            "`module.rank` at least 1."
        )
    student = Student(encoder, base.width, base.unet if delta else None, norm=norm)
    return StudentLearner(student, encoder, base.unet, delta, rank)


def write_transformer(model: nn.Module, encoder: TextEncoder, folder: Path) -> None:
    """A repository of transformers in half precision, with the files of the encoder's tokenizer.

    DoesNotFit when the encoder was not read from files.
    """
    halved: Any = copy.deepcopy(model).half()
    halved.save_pretrained(folder)
    if encoder.folder is None:
        raise DoesNotFit("the encoder was made in memory, and a published one needs its tokenizer's files.")
    for path in sorted(encoder.folder.iterdir()):
        is_tokenizers = path.suffix not in NOT_THE_TOKENIZERS and path.name != "config.json"
        if path.is_file() and is_tokenizers:
            shutil.copyfile(path, folder / path.name)


def write_lora(
    variant: Path, *, denoiser: dict[str, Tensor] | None = None, text_encoder: dict[str, Tensor] | None = None
) -> None:
    """The LoRA file of diffusers, keys in PEFT's spelling, half precision.

    A file without alphas is read with alpha = rank, so that is what weights here must mean.
    """
    StableDiffusionPipeline.save_lora_weights(
        variant,
        unet_lora_layers=None if denoiser is None else _halved(denoiser),
        text_encoder_lora_layers=None if text_encoder is None else _halved(text_encoder),
    )


def _halved(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().half().contiguous() for key, value in weights.items()}
