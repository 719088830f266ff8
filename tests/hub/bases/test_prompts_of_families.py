"""Families whose pipelines do more with prompts than encode them."""

from __future__ import annotations

from typing import Any

import pytest

from hub.bases.families.images.language_models import LongCatImage


class _Encoder:
    def __init__(self, names: list[str]) -> None:
        self._names = names

    def active(self) -> list[str]:
        return self._names


class _Pipeline:
    def __call__(self, prompt: str, enable_prompt_rewrite: bool = True) -> bool:
        return enable_prompt_rewrite

    def rewire_prompt(self) -> None: ...


@pytest.mark.parametrize(("names", "settings", "rewrites"), [([], {}, True), (["mulan-yo"], {}, False)])
def test_prompts_are_rewritten_by_the_base_only_without_a_module(
    names: list[str], settings: dict[str, Any], rewrites: bool
) -> None:
    pipe = type("pipeline", (LongCatImage.mixin, _Pipeline), {})()
    pipe._prompt_encoder = _Encoder(names)
    assert pipe("aja", **settings) is rewrites
    assert pipe("aja", enable_prompt_rewrite=True) is True
