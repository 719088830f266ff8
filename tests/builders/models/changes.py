"""Build modules for every kind of change to a base."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.embeddings import Embeddings
from hub.systems import architectures
from hub.weights.strict import save_weights


class Stepped(nn.Module):
    """A linear layer over token states, scaled by the timestep."""

    per_step = True

    def __init__(self, in_width: int, out_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_width, out_width)
        self.seen: list[tuple[int, list[float]]] = []

    def forward(self, tokens_BLE: Tensor, mask_BL: Tensor, steps_B: Tensor) -> Embeddings:
        self.seen.append((int(mask_BL.sum()), steps_B.tolist()))
        return Embeddings(self.linear(tokens_BLE * (1 + steps_B[:, None, None] / 1000)))


def rewritten(folder: Path, **changes: Any) -> Path:
    """Return the variant of `folder` after changing its config."""
    (variant,) = (path.parent for path in folder.glob("*/config.json"))
    config = json.loads((variant / "config.json").read_text())
    (variant / "config.json").write_text(json.dumps(config | changes))
    return variant


def save_lora(variant: Path, base_folder: Path) -> None:
    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    weight = dict(_unet(base_folder).named_parameters())[layer.removeprefix("unet.") + ".weight"]
    rows, columns = weight.shape
    save_file(
        {f"{layer}.lora_A.weight": torch.randn(2, columns), f"{layer}.lora_B.weight": torch.randn(rows, 2)},
        variant / "pytorch_lora_weights.safetensors",
    )


def save_encoder_lora(variant: Path, base_folder: Path) -> None:
    """Save a LoRA of the base's text encoder as PEFT does."""
    from peft import LoraConfig, get_peft_model
    from transformers import CLIPTextModel

    encoder = CLIPTextModel.from_pretrained(base_folder / "text_encoder")
    made = get_peft_model(encoder, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    made.save_pretrained(variant)
    (variant / "README.md").unlink(missing_ok=True)


def _unet(base_folder: Path) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(base_folder / "unet")


@pytest.fixture
def make_change(
    make_module: Callable[..., Path], base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Return a function that builds a module with a change of a given kind."""

    def make(kind: str) -> Path:
        folder = make_module(f"{kind}-yo")
        if kind == "plain":
            return folder
        torch.manual_seed(5)
        if kind == "lora beside a module":
            save_lora(rewritten(folder, delta={"format": "lora"}), base_folder)
        elif kind == "lora":
            variant = rewritten(folder, architecture="lora", encoder=None, module={}, delta={"format": "lora"})
            (variant / "model.safetensors").unlink()
            save_lora(variant, base_folder)
        elif kind == "lora of the encoder":
            variant = rewritten(folder, architecture="encoder-lora", encoder=None, module={})
            (variant / "model.safetensors").unlink()
            save_encoder_lora(variant, base_folder)
        elif kind == "weights":
            variant = rewritten(folder, delta={"format": "weights"})
            unet = _unet(base_folder)
            for parameter in unet.parameters():
                parameter.data += 0.02 * torch.randn(parameter.shape, dtype=parameter.dtype)
            unet.save_pretrained(variant / "unet")
        elif kind == "virtual tokens":
            rule = {"prefix": "<yo-1> ", "drop": [], "length": 16}
            variant = rewritten(
                folder, architecture="prompt-tuning", encoder=None, module={}, prompt={**rule, "negative": rule, "empty": "base"}
            )  # fmt: skip
            (variant / "model.safetensors").unlink()
            save_file({"<yo-1>": torch.randn(3, 32)}, variant / "learned_embeds.safetensors")
        else:
            monkeypatch.setitem(architectures.ARCHITECTURES, "stepped", "tests.builders.models.changes:Stepped")
            sizes = {"in_width": 24, "out_width": 32}
            variant = rewritten(folder, architecture="stepped", module=sizes)
            save_weights(Stepped(**sizes), variant / "model.safetensors")
        return folder

    return make
