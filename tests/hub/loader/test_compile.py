"""Switching languages compiles nothing again: recompiling is an error here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from hub.loader.modules.stacked_projectors import ProjectorBank
from hub.systems.pea.projector import Projector


@pytest.fixture
def no_recompiles() -> Iterator[None]:
    """Recompiles are errors, and what other tests compiled is forgotten."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield
    torch._dynamo.reset()


def test_a_compiled_denoiser_serves_all_languages_and_a_change_of_shape_would_be_noticed(
    load: Any, make_module: Any, draw: Any, no_recompiles: None
) -> None:
    folders = [make_module(f"mulan-{tag}", (tag,), seed=seed) for seed, tag in enumerate(("yo", "ja", "sw"))]
    longer = make_module("mulan-long", ("ha",), module={"queries": 20}, conditioning={"length": 20})
    pipe = load([*folders, longer])
    plain = {language: draw(pipe, "aja", language=language) for language in ("yo", "ja", "en", "sw")}
    pipe.unet = torch.compile(pipe.unet, backend="eager", fullgraph=True)
    for language in ("yo", "ja", "en", "sw", "yo"):
        torch.testing.assert_close(draw(pipe, "aja", language=language), plain[language], atol=1e-4, rtol=1e-4)
    with pytest.raises(torch._dynamo.exc.RecompileError):
        draw(pipe, "aja", language="ha")
    pipe.set_adapters("mulan-sw")
    draw(pipe, "aja")
    pipe.unload()
    draw(pipe, "a dog")


@pytest.mark.parametrize("pooled_width", [None, 10])
def test_stacked_projectors_are_picked_by_an_index_in_one_graph(no_recompiles: None, pooled_width: int | None) -> None:
    torch.manual_seed(0)
    projectors = [Projector(12, 8, 6, linears=3, pooled_width=pooled_width).eval() for _ in range(5)]
    bank = ProjectorBank(projectors)
    compiled = torch.compile(bank.__call__, fullgraph=True, backend="aot_eager")
    tokens_BLE = torch.randn(4, 7, 12)
    with torch.no_grad():
        for which in ([0, 1, 2, 3], [4, 4, 0, 1], [2, 2, 2, 2]):
            found = compiled(tokens_BLE, torch.tensor(which))
            for place, each in enumerate(which):
                expected = projectors[each](tokens_BLE[place : place + 1])
                torch.testing.assert_close(found.tokens_BLC[place], expected.tokens_BLC[0], atol=1e-5, rtol=1e-5)
                if expected.pooled_BP is not None:
                    torch.testing.assert_close(found.pooled_BP[place], expected.pooled_BP[0], atol=1e-5, rtol=1e-5)
