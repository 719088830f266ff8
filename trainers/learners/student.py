"""Train and write a multilingual text encoder for a base, alone or together with the base's denoiser.

A variant contains `model.safetensors` (the head) and `encoder/` (a transformers folder). Changed weights of the denoiser
are saved beside them in the library's own format: as a LoRA, or completely in a folder called `unet` or `transformer`.

Shape letters: B batch, L tokens, C conditioning width.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.modules.module_config import WEIGHTS
from hub.loader.patches.patches import LORA
from hub.systems.altdiffusion.linear_head import Transformation
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights
from trainers.inputs.features import FeatureDataset
from trainers.learners.low_rank import extract_lora
from trainers.learners.text_reader import Part, TextReader, disable_dropout

ENCODER = "encoder"
"""Folder of the encoder in a variant."""
READOUT = "last_hidden_state"
DELTAS = ("", "lora", "weights")
"""How a trained denoiser is stored; empty if it is frozen."""
NON_TOKENIZER_SUFFIXES = {".safetensors", ".md", ".bin"}
"""Suffixes of files in an encoder's folder that do not belong to its tokenizer."""


class Student(TextReader):
    """A trainable copy of the multilingual encoder, with a linear head that returns what the base reads."""

    def __init__(
        self, encoder: TextEncoder, base: FrozenBase, *, with_denoiser: bool = False, norm: bool = False
    ) -> None:
        """Copy the encoder and, `with_denoiser`, the denoiser, and disable dropout in the encoder, as in AltCLIP's teacher learning.

        `norm` adds AltCLIP's LayerNorm before the transformation; AltDiffusion m2 and m9 have none.
        """
        super().__init__(copy.deepcopy(base.denoiser) if with_denoiser else None)
        self.settings = head_settings(encoder.width, base, norm=norm)
        self.encoder = disable_dropout(copy.deepcopy(encoder.model))
        self.transformation = Transformation(**self.settings)
        self.gives_mask = base.mask

    def forward(self, ids_BL: Tensor, mask_BL: Tensor) -> Embeddings:
        """Encode tokens. Shapes: (B, L), (B, L) → tokens (B, L, C), and pooled (B, P) or mask (B, L) if the base reads them."""
        states_BLE = self.encoder(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        return cast(Embeddings, self.transformation(states_BLE, mask_BL))

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
        """Return the embeddings of the texts `rows_B` (B,)."""
        return cast(Embeddings, self(*features.token_ids(rows_B)))

    def text_parts(self) -> list[Part]:
        """Return encoder and transformation."""
        return [self.encoder, self.transformation]

    def units(self) -> list[nn.Module]:
        """Return the FSDP units: the submodules that are only called through `forward`, unlike the reader itself."""
        own = [self.encoder, self.transformation]
        return own if self.denoiser is None else [*own, self.denoiser]


def head_settings(encoder_width: int, base: FrozenBase, *, norm: bool = False) -> dict[str, Any]:
    """Return the sizes of the head, with a pooled vector and the encoder's mask if the base reads them."""
    sizes: dict[str, Any] = {"in_width": encoder_width, "out_width": base.width, "norm": norm}
    if base.pooled_width is not None:
        sizes["pooled_width"] = base.pooled_width
    return {**sizes, "mask": True} if base.mask else sizes


class StudentLearner:
    """A learner that writes a student's encoder and head, and the change of its denoiser."""

    architecture = "transformation"
    uses_encoder = False

    def __init__(self, student: Student, encoder: TextEncoder, base: FrozenBase, delta: str, rank: int) -> None:
        """`delta` is how the change of the base's denoiser is stored: `lora`, `weights` or empty."""
        self.module: nn.Module = student
        self._student = student
        self.kind = "delta" if delta else "encoder"
        self.settings: dict[str, Any] = student.settings
        self._encoder = encoder
        self._base = base
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
            found = extract_lora(self._base.denoiser, self._student.denoiser, self._rank)
            write_lora(variant, {self._base.denoiser_name: found.weights})
            error = round(found.relative_error, 4)
            self._config["delta"] = {"format": "lora", "rank": self._rank, "relative_error": error}
        elif self._delta == "weights":
            assert self._student.denoiser is not None
            halved: Any = copy.deepcopy(self._base.whole(self._student.denoiser)).half()
            # One file, since the loader reads one: FLUX.1's 12 billion weights are 24 GB.
            halved.save_pretrained(variant / self._base.denoiser_name, max_shard_size="1TB")
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
    return StudentLearner(Student(encoder, base, with_denoiser=bool(delta), norm=norm), encoder, base, delta, rank)


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


def write_lora(variant: Path, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Write the LoRA file of diffusers in half precision: the keys of PEFT after the names of components, such as `unet`.

    Files without alphas are loaded with alpha = rank, so the weights must be scaled for that.
    """
    named = {f"{part}.{key}": value for part, some in weights.items() for key, value in some.items()}
    save_file(halve(named), variant / LORA, metadata={"format": "pt"})


def halve(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in half precision on the CPU."""
    return {key: value.detach().cpu().half().contiguous() for key, value in weights.items()}
