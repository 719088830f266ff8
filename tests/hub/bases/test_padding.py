"""Embeddings of modules are padded as the base pads its own, where the denoiser reads padding."""

from __future__ import annotations

from typing import Any

import torch

from hub.bases.families.video.language_models import LTX2
from hub.bases.families.video.t5_encoders import Wan
from hub.embeddings import Embeddings


class _Denoiser:
    dtype = torch.float32


class _Pipeline:
    """Only the attributes of a pipeline that the mixin uses."""

    transformer = _Denoiser()


def _given(mixin: type[Any], embeddings: Embeddings, negative: Embeddings | None = None) -> dict[str, Any]:
    pipe = type("pipeline", (mixin, _Pipeline), {})()
    taken = {"prompt": "aja", "negative_prompt": None, "num_videos_per_prompt": 2, "max_sequence_length": 6}
    changed: dict[str, Any] = pipe._replace_prompts(taken, embeddings, negative)
    return changed


def _row(tokens: int, mask: list[int] | None = None) -> Embeddings:
    made = torch.arange(1.0, tokens + 1)[None, :, None].expand(1, -1, 2)
    return Embeddings(made, mask_BL=None if mask is None else torch.tensor([mask]))


def test_padding_is_zeros_and_as_long_as_the_base_s_own() -> None:
    changed = _given(Wan.mixin, _row(4, [1, 1, 1, 0]))
    assert changed["prompt_embeds"][..., 0].tolist() == [[1, 2, 3, 0, 0, 0]] * 2
    assert changed["num_videos_per_prompt"] == 1


def test_a_module_without_a_mask_gives_all_its_tokens() -> None:
    changed = _given(Wan.mixin, _row(4), _row(4))
    assert changed["prompt_embeds"][..., 0].tolist() == [[1, 2, 3, 4, 0, 0]] * 2
    assert changed["negative_prompt_embeds"].shape == (2, 6, 2)


def test_more_tokens_than_the_base_has_are_kept() -> None:
    assert _given(Wan.mixin, _row(8))["prompt_embeds"].shape == (2, 8, 2)


def test_padding_comes_first_where_the_base_counts_the_last_tokens() -> None:
    changed = _given(LTX2.mixin, _row(4, [1, 1, 1, 0]))
    assert changed["prompt_embeds"][0, -3:, 0].tolist() == [1, 2, 3]
    assert changed["prompt_attention_mask"].tolist() == [[0, 0, 0, 1, 1, 1]] * 2


def test_zeros_of_the_base_do_not_count() -> None:
    own = torch.tensor([[[0.5, 0.0], [1.0, 1.0], [0.0, 0.0]]])
    assert Wan.mixin.encoded((own, None)).mask_BL.tolist() == [[True, True, False]]  # type: ignore[union-attr]
