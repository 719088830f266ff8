"""Train and write LoRAs (Hu et al., ICLR 2022, arXiv 2106.09685) of a base's own text encoders and denoiser, with peft.

Prompts use the base's own tokenizers and text encoders. Frozen weights are shared with the base, so LoRAs take little memory.

What diffusers loads is written to its file: everything for bases that read CLIP, the denoiser's LoRA for all others. The LoRA of
another encoder, a T5 or a language model, is a folder as PEFT saves it.

Shape letters: B batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model_state_dict, inject_adapter_in_model
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.bases.frozen import FrozenBase
from hub.embeddings import Embeddings
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.loader.patches.encoder_lora import ARCHITECTURE as ENCODER_LORA
from hub.loader.patches.encoder_lora import FILE, PREFIX
from trainers.inputs.features import FeatureDataset
from trainers.learners.student import halve, write_lora
from trainers.learners.text_reader import Part, TextReader, share_weights

CLIP_LAYERS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
T5_LAYERS = ("q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo")
LANGUAGE_MODEL_LAYERS = ("o_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj")
"""Linear layers of text encoders; language models share the names of CLIP's first three."""
TEXT_LAYERS = (*CLIP_LAYERS, *T5_LAYERS, *LANGUAGE_MODEL_LAYERS)
VISION = r".*(visual|vision).*"
"""Layers of a language model that read images, which prompts do not reach."""
DENOISER_LAYERS = (
    "to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "to_qkv_mlp_proj",
)  # fmt: skip
"""Linear layers of attention, as in diffusers' training scripts: the image's, then those of the text in joint attention, and of FLUX.2,
whose single blocks have one layer for all."""


class TunedBase(TextReader):
    """A base's text encoders and denoiser, with trainable LoRAs."""

    def __init__(self, base: FrozenBase, rank: int, *, in_text_encoder: bool, in_denoiser: bool) -> None:
        """Add the LoRAs; their B matrices are zero, so the initial output is the base's own."""
        super().__init__(_with_lora(base.denoiser, rank, DENOISER_LAYERS) if in_denoiser else None)
        own = base.text_encoders
        self.text_encoders = nn.ModuleDict(
            {name: _with_lora(each, rank, TEXT_LAYERS) if in_text_encoder else each for name, each in own.items()}
        )

    def train(self, mode: bool = True) -> TunedBase:
        """Change the mode of the denoiser alone: a resumed run could not restore the random state of an encoder's dropout."""
        super().train(mode)
        self.text_encoders.eval()
        return self

    def read(self, features: FeatureDataset, rows_B: Tensor) -> Embeddings:
        """Return the embeddings of the texts `rows_B` (B,), encoded as by the pipeline."""
        tuned = features.base.with_parts(dict(self.text_encoders))
        return tuned.encode([features.texts_N[row] for row in rows_B.tolist()])

    def text_parts(self) -> list[Part]:
        """Return the LoRAs of the text encoders."""
        return [*_loras(self.text_encoders)]

    def denoiser_parts(self) -> list[Part]:
        """Return the LoRAs of the denoiser."""
        return [] if self.denoiser is None else [*_loras(self.denoiser)]


class LoraLearner:
    """A learner that writes LoRAs in the formats of diffusers and PEFT."""

    uses_encoder = False

    def __init__(self, tuned: TunedBase, base: FrozenBase, *, rank: int, text_encoder: bool, denoiser: bool) -> None:
        self.module: nn.Module = tuned
        self._tuned = tuned
        self._denoiser_name = base.denoiser_name
        self._has_denoiser = denoiser
        self._rank = rank
        self._in_one_file = base.reads_clip or not text_encoder
        self.architecture = "lora" if self._in_one_file else ENCODER_LORA
        self.kind = "delta" if self._in_one_file or denoiser else "adapter"
        self.settings: dict[str, Any] = {"rank": rank, "text_encoder": text_encoder, "denoiser": denoiser}
        self._components = [*tuned.text_encoders] if text_encoder else []
        if not self._in_one_file:
            self.settings = {"rank": rank, "components": self._components, "denoiser": denoiser}

    def write(self, variant: Path) -> None:
        """Write one safetensors file for diffusers, and one folder for each text encoder that it does not load."""
        encoders = {name: self._tuned.text_encoders[name] for name in self._components}
        parts = dict(encoders) if self._in_one_file else {}
        if self._tuned.denoiser is not None:
            parts[self._denoiser_name] = self._tuned.denoiser
        if parts:
            write_lora(variant, {name: get_peft_model_state_dict(each) for name, each in parts.items()})
        if not self._in_one_file:
            for name, each in encoders.items():
                _write_folder(each, self._rank, variant / name)

    def config(self) -> dict[str, Any]:
        """Return the entry that marks the change of the denoiser as a LoRA."""
        has_file = self._in_one_file or self._has_denoiser
        return {"delta": {"format": "lora", "rank": self._rank}} if has_file else {}


def make_learner(
    base: FrozenBase,
    encoder: TextEncoder,  # noqa: ARG001 - all learners have the same signature
    *,
    rank: int = 16,
    text_encoder: bool = True,
    denoiser: bool = True,
) -> LoraLearner:
    """Add LoRAs of `rank`, with alpha = rank, to the text encoders, the denoiser or both.

    Raises `InvalidRequest` if both are off or the rank is below 1.
    """
    if not (text_encoder or denoiser) or rank < 1:
        raise InvalidRequest(
            "a LoRA needs `module.text_encoder`, `module.denoiser` or both, and a `module.rank` of at least 1."
        )
    tuned = TunedBase(base, rank, in_text_encoder=text_encoder, in_denoiser=denoiser)
    return LoraLearner(tuned, base, rank=rank, text_encoder=text_encoder, denoiser=denoiser)


def _with_lora(model: nn.Module, rank: int, layers: tuple[str, ...]) -> nn.Module:
    shared = share_weights(model)
    inject_adapter_in_model(_config(rank, layers), shared)
    for parameter in _loras(shared):
        parameter.data = (
            parameter.data.float()
        )  # peft gives it the data type of the frozen layer; in 16 bits it would not learn
    return shared


def _config(rank: int, layers: tuple[str, ...]) -> LoraConfig:
    return LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=list(layers), exclude_modules=VISION)


def _loras(module: nn.Module) -> Iterator[nn.Parameter]:
    return (parameter for name, parameter in module.named_parameters() if "lora_" in name)


def _write_folder(encoder: nn.Module, rank: int, folder: Path) -> None:
    """Write the LoRA of one text encoder as PEFT does."""
    weights = {PREFIX + key: value for key, value in get_peft_model_state_dict(encoder).items()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(halve(weights), folder / FILE, metadata={"format": "pt"})
    _config(rank, TEXT_LAYERS).save_pretrained(str(folder))
