"""Train and write a multilingual text encoder for a base, alone or together with the base's denoiser.

A variant contains `model.safetensors` (the head) and `encoder/` (a transformers folder). Changed weights of the denoiser
are saved beside them in the library's own format: as a LoRA, or completely in `unet/`.

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
from trainers.learners.low_rank import extract_lora
from trainers.learners.text_reader import Part, TextReader, disable_dropout

ENCODER = "encoder"
"""Folder of the encoder in a variant."""
DENOISER = "unet"
READOUT = "last_hidden_state"
DELTAS = ("", "lora", "weights")
"""How a trained denoiser is stored; empty if it is frozen."""
NON_TOKENIZER_SUFFIXES = {".safetensors", ".md", ".bin"}
"""Suffixes of files in an encoder's folder that do not belong to its tokenizer."""


class Student(TextReader):
    """A trainable copy of the multilingual encoder, with a linear transformation to the base's width."""

    def __init__(
        self, encoder: TextEncoder, width: int, denoiser: nn.Module | None = None, *, norm: bool = False
    ) -> None:
        """Copy the encoder and the denoiser, and disable dropout in the encoder, as in AltCLIP's teacher learning.

        `norm` adds AltCLIP's LayerNorm before the transformation; AltDiffusion m2 and m9 have none.
        """
        super().__init__(copy.deepcopy(denoiser))
        self.encoder = disable_dropout(copy.deepcopy(encoder.model))
        self.transformation = Transformation(encoder.width, width, norm)

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """Encode tokens. Shapes: (B, L), (B, L) → (B, L, C)."""
        states_BLE = self.encoder(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return cast(Tensor, self.transformation(states_BLE).tokens_BLC)

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Tensor:
        """Return the states (B, L, C) of the texts `rows_B` (B,)."""
        return cast(Tensor, self(*features.token_ids(rows_B)))

    def text_parts(self) -> list[Part]:
        """Return encoder and transformation."""
        return [self.encoder, self.transformation]

    def units(self) -> list[nn.Module]:
        """Return the FSDP units: the submodules that are only called through `forward`, unlike the reader itself."""
        own = [self.encoder, self.transformation]
        return own if self.denoiser is None else [*own, self.denoiser]


class StudentLearner:
    """A learner that writes a student's encoder and head, and the change of its denoiser."""

    architecture = "transformation"
    uses_encoder = False

    def __init__(self, student: Student, encoder: TextEncoder, before: nn.Module, delta: str, rank: int) -> None:
        """`before` is the base's own denoiser; `delta` is how its change is stored: `lora`, `weights` or empty."""
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
        self._config: dict[str, Any] = {}

    def write(self, variant: Path) -> None:
        """Write everything in half precision."""
        save_weights(self._student.transformation, variant / WEIGHTS, torch.float16)
        write_transformer(self._student.encoder, self._encoder, variant / ENCODER)
        self._config = {
            "encoder": {"folder": ENCODER, "digest": digest_of(variant / ENCODER), "readout": READOUT},
        }
        if self._delta == "lora":
            assert self._student.denoiser is not None
            found = extract_lora(self._before, self._student.denoiser, self._rank)
            write_lora(variant, denoiser=found.weights)
            error = round(found.relative_error, 4)
            self._config["delta"] = {"format": "lora", "rank": self._rank, "relative_error": error}
        elif self._delta == "weights":
            halved: Any = copy.deepcopy(self._student.denoiser).half()  # type: ignore[union-attr]
            halved.save_pretrained(variant / DENOISER)
            self._config["delta"] = {"format": "weights"}

    def config(self) -> dict[str, Any]:
        """Return the entries for the student's own encoder and for the denoiser's change; call it after `write`."""
        return self._config


def make_student(
    base: FrozenBase, encoder: TextEncoder, *, delta: str = "", rank: int = 32, norm: bool = False
) -> StudentLearner:
    """Create a copy of the encoder with a head; with `delta` `lora` or `weights` the denoiser is trained too.

    `rank` is the rank of a `lora` delta, `norm` adds AltCLIP's LayerNorm before the head. A plan sets these with `partial`,
    and a recipe file can override them. Raises `InvalidRequest` for an unknown delta or a rank below 1.
    """
    if delta not in DELTAS or rank < 1:
        raise InvalidRequest(
            f"invalid delta `{delta}` with rank {rank}: `module.delta` must be lora, weights or empty, and `module.rank` at "
            "least 1."
        )
    student = Student(encoder, base.width, base.unet if delta else None, norm=norm)
    return StudentLearner(student, encoder, base.unet, delta, rank)


def write_transformer(model: nn.Module, encoder: TextEncoder, folder: Path) -> None:
    """Write a transformers model in half precision, with the files of the encoder's tokenizer.

    Raises `DoesNotFit` if the encoder was not loaded from files.
    """
    halved: Any = copy.deepcopy(model).half()
    halved.save_pretrained(folder)
    if encoder.folder is None:
        raise DoesNotFit("the encoder was not loaded from a folder, so its tokenizer files cannot be published.")
    for path in sorted(encoder.folder.iterdir()):
        is_tokenizer_file = path.suffix not in NON_TOKENIZER_SUFFIXES and path.name != "config.json"
        if path.is_file() and is_tokenizer_file:
            shutil.copyfile(path, folder / path.name)


def write_lora(
    variant: Path, *, denoiser: dict[str, Tensor] | None = None, text_encoder: dict[str, Tensor] | None = None
) -> None:
    """Write the LoRA file of diffusers, with PEFT's keys, in half precision.

    Files without alphas are loaded with alpha = rank, so the weights must be scaled for that.
    """
    StableDiffusionPipeline.save_lora_weights(
        variant,
        unet_lora_layers=None if denoiser is None else _to_half(denoiser),
        text_encoder_lora_layers=None if text_encoder is None else _to_half(text_encoder),
    )


def _to_half(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: value.detach().cpu().half().contiguous() for key, value in weights.items()}
