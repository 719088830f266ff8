"""Build MuLan's adapter for SDXL with a pooled head, and compute it plainly."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.encoders.text_encoder import TextEncoder
from hub.loader.sources import digest_of
from hub.systems.architectures import build
from hub.weights.strict import save_weights
from tests.builders.models.internvl import POOLED as ENCODER_POOLED
from tests.builders.models.internvl import WIDTH as ENCODER_WIDTH
from tests.builders.models.internvl import plain_qllama, random_qllama
from tests.builders.models.originals import POOLED, SECOND, WIDTH

QUERIES = 8
SIZES: dict[str, Any] = {
    "in_width": ENCODER_WIDTH, "widths": [SECOND, WIDTH], "pooled_width": POOLED, "queries": QUERIES, "heads": 4, "pool": "text",
    "text_width": ENCODER_POOLED,
}  # fmt: skip
RULE = {"prefix": "summarize:", "drop": [1, 2, 3], "length": 83}
PROMPT = {**RULE, "pooled": "encode", "negative": {**RULE, "pooled": "zeros"}, "empty": "encode"}
"""Settings of `sdxl_aesthetic.pth`: a prefix for both prompts; of mulankit's three switches only the one for negative prompts is on."""


@pytest.fixture
def module_folder(tmp_path: Path, internvl: Path) -> Callable[..., Path]:
    def make(encoder: Path = internvl, **sizes: Any) -> Path:
        torch.manual_seed(1)
        variant = tmp_path / "mulan-xl" / "tiny-xl"
        module = SIZES | sizes
        config = {
            "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler-xl", "module": module,
            "base": {"name": "linguahub/tiny-xl", "digest": ""},
            "encoder": {"name": "linguahub/tiny", "digest": digest_of(encoder), "readout": "last_hidden_state"},
            "conditioning": {"width": WIDTH + SECOND, "length": QUERIES, "pooled_width": POOLED, "mask": False},
            "prompt": PROMPT, "languages": ["mul"], "run": {}, "parent": "",
        }  # fmt: skip
        save_weights(build("resampler-xl", module), variant / "model.safetensors")
        (variant / "config.json").write_text(json.dumps(config))
        return variant.parent

    return make


def expected_of(internvl: Path, text: str) -> tuple[Tensor, Tensor]:
    """Return tokens (1, Q, C) and pooled (1, P) of a text, computed plainly from the weights."""
    torch.manual_seed(1)
    module: Any = build("resampler-xl", SIZES).eval()
    ids_1L, _ = TextEncoder.from_folder(internvl).tokenize(["summarize:" + text], 83)
    weights = random_qllama(8)
    states_1LE = plain_qllama(weights, ids_1L)
    pooled_1D = states_1LE[:, int((ids_1L > 0).sum()) - 1] @ weights["text_projection"]
    kept = [0, *range(4, 83)]
    head = module.pool_caption_projection.state_dict()
    with torch.no_grad():
        tokens = torch.cat([part(states_1LE[:, kept]).tokens_BLC for part in (module.adapter1, module.adapter2)], -1)
    inner = F.gelu(pooled_1D @ head["linear_1.weight"].T + head["linear_1.bias"], approximate="tanh")
    return tokens, inner @ head["linear_2.weight"].T + head["linear_2.bias"]
