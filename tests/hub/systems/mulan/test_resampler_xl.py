"""MuLan's adapter for SDXL in its form with a head that reads the encoder's own pooled vector, under the published rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hub.encoders.encoder import TextEncoder
from hub.errors import DoesNotFit
from hub.loader.resolve import digest_of
from hub.systems.architectures import build
from hub.weights.strict import save_weights
from tests.builders.models.originals import POOLED, SECOND, WIDTH
from tests.hub.bases.test_stable_diffusion_xl import xl_folder
from tests.hub.encoders.text_half.test_text_half import POOLED as ENCODER_POOLED
from tests.hub.encoders.text_half.test_text_half import WIDTH as ENCODER_WIDTH
from tests.hub.encoders.text_half.test_text_half import internvl, plain_qllama, random_qllama

__all__ = ["internvl", "xl_folder"]
QUERIES = 8
SIZES: dict[str, Any] = {
    "in_width": ENCODER_WIDTH, "widths": [SECOND, WIDTH], "pooled_width": POOLED, "queries": QUERIES, "heads": 4, "pool": "text",
    "text_width": ENCODER_POOLED,
}  # fmt: skip
RULE = {"prefix": "summarize:", "drop": [1, 2, 3], "length": 83}
PROMPT = {**RULE, "pooled": "encode", "negative": {**RULE, "pooled": "zeros"}, "empty": "encode"}
"""Of `sdxl_aesthetic.pth`: the prefix before both; of mulankit's three switches the one for negative prompts alone is on."""


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
    """Tokens (1, Q, C) and pooled (1, P) of a text, computed plainly from the weights."""
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


def test_the_head_reads_the_pooled_vector_of_the_prefixed_prompt(
    load: Callable[..., Any], xl_folder: Path, internvl: Path, module_folder: Callable[..., Path]
) -> None:
    pipe = load(module_folder(), base=xl_folder, encoder=internvl)
    texts = ["aja eye", "e aja", ""]
    found = pipe.encode_prompt(texts, negative_prompt=["eye", "", "aja"], language="zh")
    states, negative, pooled, negative_pooled = found
    for row, (text, negative_text) in enumerate(zip(texts, ["eye", "", "aja"], strict=True)):
        tokens, vector = expected_of(internvl, text)
        torch.testing.assert_close(states[row], tokens[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(pooled[row], vector[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(negative[row], expected_of(internvl, negative_text)[0][0], atol=1e-4, rtol=1e-4)
    assert negative_pooled.abs().sum() == 0
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3


def test_it_draws(
    load: Callable[..., Any],
    xl_folder: Path,
    internvl: Path,
    module_folder: Callable[..., Path],
    draw: Callable[..., Tensor],
) -> None:
    pipe = load(module_folder(), base=xl_folder, encoder=internvl)
    one = draw(pipe, "aja eye", height=32, width=32, language="zh")
    assert one.isfinite().all()
    assert not torch.equal(one, draw(pipe, "e aja", height=32, width=32, language="zh"))


def test_an_encoder_without_a_pooled_vector_is_refused_before_the_pipeline_changes(
    load: Callable[..., Any], xl_folder: Path, encoder_folder: Path, module_folder: Callable[..., Path]
) -> None:
    pipe = load(base=xl_folder, encoder=encoder_folder)
    with pytest.raises(
        DoesNotFit, match=r"reads a pooled vector of width 8, and its encoder `linguahub/tiny` gives none"
    ):
        pipe.load_adapter(module_folder(encoder_folder, in_width=24))
    assert pipe.get_active_adapters() == []
