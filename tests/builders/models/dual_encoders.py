"""Build small dual encoders of transformers, and M-CLIP projectors for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from hub.systems.architectures import build
from hub.weights.digest import digest_of
from hub.weights.strict import save_weights
from tests.builders.models.tiny import ENCODER_WIDTH, clip_tokenizer, make_encoder

JOINT = 20
"""Feature width of the tiny dual encoders."""
TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
VISION = {**TOWER, "image_size": 16, "patch_size": 8}


def save_dual(kind: str, folder: Path) -> Any:
    """Save a random dual encoder of the class `kind` in transformers' layout, and return the model."""
    import transformers
    from transformers import CLIPImageProcessorPil

    torch.manual_seed(3)
    if kind == "CLIP":
        tokenizer = clip_tokenizer()
        text = {**TOWER, "max_position_embeddings": 16, "eos_token_id": tokenizer.eos_token_id}
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(make_encoder(folder.with_name("words"), seed=4))
        text = {**TOWER, "max_position_embeddings": 40, "pad_token_id": 1}
        text |= {"project_dim": 16, "type_vocab_size": 1} if kind == "AltCLIP" else {}
    config = getattr(transformers, f"{kind}Config")(
        text_config={**text, "vocab_size": len(tokenizer)}, vision_config=VISION, projection_dim=JOINT
    )
    model = getattr(transformers, f"{kind}Model")(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    return model


def some_images() -> torch.Tensor:
    return torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def m_clip(folder: Path, variant: str, *, own: bool, feature_width: int = JOINT) -> tuple[Path, Path]:
    """Save an M-CLIP with random weights for a dual encoder; return its folder and that of the XLM-R it reads."""
    here = folder / "m-clip" / variant
    encoder = make_encoder(here / "encoder" if own else folder / "xlmr", seed=6)
    module = {"in_width": ENCODER_WIDTH, "feature_width": feature_width}
    torch.manual_seed(7)
    save_weights(build("pooled-transformation", module), here / "model.safetensors", torch.float32)
    rule = {"prefix": "", "drop": [], "length": 12}
    pin = {"folder": "encoder"} if own else {"name": "linguahub/xlmr"}
    config = {
        "format": 1, "kind": "projector", "method": "m-clip", "architecture": "pooled-transformation", "module": module,
        "base": {"name": "openai/clip", "digest": ""},
        "encoder": {**pin, "digest": digest_of(encoder), "readout": "last_hidden_state"},
        "conditioning": {"width": feature_width, "length": 1, "pooled_width": None, "mask": False},
        "prompt": {**rule, "negative": rule, "empty": "encode"}, "languages": ["mul"], "run": {}, "parent": "",
    }  # fmt: skip
    (here / "config.json").write_text(json.dumps(config))
    return folder / "m-clip", encoder
