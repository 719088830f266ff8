"""A base can have two denoisers, like Wan 2.2: modules that only read prompts work with both, others are refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hub.errors import DoesNotFit
from hub.loader import module_reader


def _patch(module: Any, *, delta: str = "") -> Any:
    pipe = SimpleNamespace(transformer="noisy", transformer_2="clean", patch_for_modules=lambda: None)
    config = SimpleNamespace(variant=SimpleNamespace(architecture="projector"), delta=delta)
    base: Any = SimpleNamespace(name="wan-2.2", family=SimpleNamespace(denoiser="transformer"))
    loaded: Any = SimpleNamespace(module=module)
    source: Any = SimpleNamespace(name="mulan-yo", config=config)
    return module_reader._patch_of(loaded, source, pipe, base)


@pytest.mark.parametrize(
    ("module", "delta"),
    [(SimpleNamespace(per_step=True), ""), (SimpleNamespace(denoiser_parts={"a": 1}), ""), (None, "lora")],
)
def test_a_module_that_changes_one_of_two_denoisers_is_refused(module: Any, delta: str) -> None:
    with pytest.raises(DoesNotFit, match="`mulan-yo` changes the denoiser, and `wan-2.2` has two"):
        _patch(module, delta=delta)


def test_a_module_that_only_reads_prompts_serves_both() -> None:
    assert _patch(SimpleNamespace()) is None
