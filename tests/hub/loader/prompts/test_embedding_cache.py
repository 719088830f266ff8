"""Embeddings are cached, so that encoders can be freed."""

from __future__ import annotations

import time
from typing import Any

import torch

from hub.loader.prompts.embedding_cache import DEFAULT_BYTES
from tests.builders.models.tiny import tokens


def passes(pipe: Any) -> list[int]:
    """Grows by the number of texts whenever the encoder of the first resident runs."""
    (resident, *_) = pipe._prompt_encoder._module_cache.values()
    counts: list[int] = []
    resident.encoder.model.register_forward_hook(lambda module, inputs, output: counts.append(1))
    return counts


def test_a_repeated_prompt_is_not_encoded_again(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    count = passes(pipe)
    first = pipe.encode_prompt(["aja", "eye"], pipe.device, 1, True, ["ile", ""])
    ran = len(count)
    again = pipe.encode_prompt(["eye", "aja"], pipe.device, 1, True, ["", "ile"])
    assert len(count) == ran > 0
    assert torch.equal(again[0], first[0].flip(0)) and torch.equal(again[1], first[1].flip(0))
    tokens(pipe, "kare")
    assert len(count) == ran + 1


def test_the_cache_distinguishes_rules_and_modules(load: Any, make_module: Any) -> None:
    pipe = load(
        [make_module("mulan-yo", prompt={"negative": {"length": 10}}), make_module("mulan-sw", ("sw",), seed=3)]
    )
    positive, negative = pipe.encode_prompt("aja", pipe.device, 1, True, "aja", language="yo")
    assert not torch.equal(positive, negative)
    assert not torch.equal(tokens(pipe, "aja", language="sw"), positive)


def test_the_base_reads_for_itself_each_time(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    before = tokens(pipe, "a dog", language="en")
    with torch.no_grad():
        pipe.text_encoder.get_input_embeddings().weight.mul_(2)
    assert not torch.equal(tokens(pipe, "a dog", language="en"), before)


def test_the_cache_stays_within_its_bytes_and_forgets_the_oldest(load: Any, make_module: Any) -> None:
    row = 16 * 32 * 4 + 12  # tokens in float32, and the mask of the encoder's 12
    pipe = load(make_module("mulan-yo"), cache_bytes=2 * row)
    for text in ("aja", "eye", "aja", "ile"):
        tokens(pipe, text)
    cache = pipe._prompt_encoder._embeddings
    assert cache.size_bytes == 2 * row
    assert [key.text for key in cache._rows] == ["aja", "ile"]
    assert load(make_module("mulan-yo"))._prompt_encoder._embeddings._limit == DEFAULT_BYTES


def test_freed_encoders_keep_cached_embeddings_and_are_reloaded_for_new_prompts(load: Any, make_module: Any) -> None:
    folders = [make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)]
    pipe, other = load(folders), load(folders)
    kept = tokens(pipe, "aja", language="yo")
    freed = pipe.free_encoder()
    assert freed > 0 == pipe.free_encoder()
    first, second = pipe._prompt_encoder._module_cache.values()
    assert torch.equal(tokens(pipe, "aja", language="yo"), kept)
    assert first.shared[0].size_bytes == 0
    assert torch.equal(tokens(pipe, "mbwa", language="sw"), tokens(other, "mbwa", language="sw"))
    assert first.shared == second.shared and first.shared[0].size_bytes == freed


def test_a_pipeline_without_modules_has_no_encoder_to_free(load: Any) -> None:
    assert load().free_encoder() == 0


def test_a_removed_module_is_removed_from_the_cache_too(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    before = tokens(pipe, "aja")
    pipe.unload()
    assert len(pipe._prompt_encoder._embeddings) == 0
    pipe.load_adapter(make_module("mulan-yo", seed=9))
    assert not torch.equal(tokens(pipe, "aja"), before)


def test_a_hit_takes_less_than_a_millisecond(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    best, here = 1.0, pipe.device  # which diffusers finds out by walking through all modules
    for _ in range(50):
        started = time.perf_counter()
        pipe.encode_prompt("aja", here, 1, False, language="yo")
        best = min(best, time.perf_counter() - started)
    assert best < 1e-3
