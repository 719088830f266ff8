"""MuLan's adapter for SDXL in its form with a head that reads the encoder's own pooled vector, under the published rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hub.errors import DoesNotFit
from tests.builders.models.pooled_head import expected_of


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


def test_it_generates_an_image(
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
