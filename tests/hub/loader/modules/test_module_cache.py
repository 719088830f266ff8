"""Modules within a budget of bytes: evictions, reloads and log entries."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import pytest
import torch

from hub.errors import InvalidRequest
from hub.weights.module_size import bytes_of
from hub.weights.sizes import memory_budget
from tests.builders.models.tiny import tokens

TAGS = ("yo", "ja", "sw")


@pytest.fixture
def folders(make_module: Any) -> list[Any]:
    """Three modules of one size that read one encoder."""
    return [make_module(f"mulan-{tag}", (tag,), seed=seed) for seed, tag in enumerate(TAGS)]


@pytest.fixture
def room_for(load: Any, folders: list[Any]) -> Any:
    """Return the bytes of the encoder and of `count` modules."""
    (resident,) = load(folders[0])._prompt_encoder._module_cache.values()
    encoder, module = bytes_of(resident.encoder.model), resident.size_bytes
    return lambda count: encoder + count * module


def test_the_least_recently_used_module_is_evicted_and_logged(
    load: Any, folders: list[Any], room_for: Any, caplog: Any
) -> None:
    pipe = load(folders[:2], resident_bytes=room_for(2))
    assert list(pipe._prompt_encoder._module_cache) == ["mulan-yo", "mulan-ja"]
    with caplog.at_level(logging.INFO, logger="hub.loader"):
        pipe.load_adapter(folders[2])
    assert list(pipe._prompt_encoder._module_cache) == ["mulan-ja", "mulan-sw"]
    assert "`mulan-yo` evicted" in caplog.text
    assert pipe.get_active_adapters() == ["mulan-yo", "mulan-ja", "mulan-sw"]


def test_inactive_ones_leave_before_active_ones(load: Any, folders: list[Any], room_for: Any) -> None:
    pipe = load(folders[:2], resident_bytes=room_for(2))
    pipe.set_adapters("mulan-yo")  # older than mulan-ja when it was read, but active
    pipe.load_adapter(folders[2])
    assert list(pipe._prompt_encoder._module_cache) == ["mulan-yo", "mulan-sw"]


def test_an_evicted_module_is_reloaded_when_it_is_activated(
    load: Any, folders: list[Any], room_for: Any, caplog: Any
) -> None:
    pipe = load(folders, resident_bytes=room_for(2))
    assert "mulan-yo" not in pipe._prompt_encoder._module_cache
    with caplog.at_level(logging.INFO, logger="hub.loader"):
        pipe.set_adapters("mulan-yo")
    assert "`mulan-yo` reloaded" in caplog.text
    assert "mulan-yo" in pipe._prompt_encoder._module_cache
    assert torch.equal(tokens(pipe, "aja"), tokens(load(folders[0]), "aja"))


def test_an_evicted_module_is_reloaded_when_a_prompt_needs_it(load: Any, folders: list[Any], room_for: Any) -> None:
    pipe, free = load(folders, resident_bytes=room_for(1)), load(folders)
    for tag in (*TAGS, *TAGS):
        assert torch.equal(tokens(pipe, "aja", language=tag), tokens(free, "aja", language=tag))
        assert len(pipe._prompt_encoder._module_cache) == 1 or tag in TAGS  # a cached embedding reloads no module
    assert pipe._prompt_encoder._module_cache.size_bytes <= room_for(1)


def test_a_batch_that_needs_more_than_the_budget_is_never_refused(
    load: Any, folders: list[Any], room_for: Any, caplog: Any
) -> None:
    pipe = load(folders, resident_bytes=room_for(1))
    with caplog.at_level(logging.WARNING, logger="hub.loader"):
        found = tokens(pipe, ["eye", "ile"], language=["yo", "sw"])
    assert "all of them are needed now" in caplog.text
    torch.testing.assert_close(found, tokens(load(folders), ["eye", "ile"], language=["yo", "sw"]))


def test_a_shared_encoder_is_counted_once_and_freed_with_its_last_module(
    load: Any, folders: list[Any], room_for: Any
) -> None:
    pipe = load(folders)
    assert pipe._prompt_encoder._module_cache.size_bytes == room_for(3)
    gone = weakref.ref(pipe._prompt_encoder._module_cache["mulan-yo"].encoder.model)
    pipe.unload()
    gc.collect()
    assert gone() is None


def test_stacked_projectors_give_their_bytes_back_when_they_leave(load: Any, make_module: Any) -> None:
    folders = [make_module(f"pea-{tag}", (tag,), seed=seed, architecture="projector") for seed, tag in enumerate(TAGS)]
    pipe, free = load(folders), load(folders)
    residents = pipe._prompt_encoder._module_cache
    tokens(pipe, ["aja", "eye", "ile"], language=list(TAGS))
    one = residents["pea-yo"].size_bytes
    residents._budget = residents.size_bytes - one
    pipe._prompt_encoder._embeddings.clear()
    tokens(pipe, "aja", language="ja")
    assert set(residents) == {"pea-ja", "pea-sw"}
    stack = residents["pea-ja"].module.projector[0].weight.untyped_storage()
    assert stack.nbytes() == 2 * residents["pea-ja"].module.projector[0].weight.nbytes
    torch.testing.assert_close(
        tokens(pipe, ["eye", "aja"], language=["sw", "ja"]), tokens(free, ["eye", "aja"], language=["sw", "ja"])
    )


def test_the_variable_sets_the_budget_where_no_argument_does(
    load: Any, folders: list[Any], room_for: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HUB_RESIDENT_BYTES", str(room_for(1)))
    assert len(load(folders)._prompt_encoder._module_cache) == 1
    assert len(load(folders, resident_bytes=room_for(3))._prompt_encoder._module_cache) == 3
    with pytest.raises(InvalidRequest, match="HUB_RESIDENT_BYTES is `4G`: set a whole number of bytes"):
        memory_budget(None, {"HUB_RESIDENT_BYTES": "4G"})
    with pytest.raises(InvalidRequest, match="`resident_bytes` is 0"):
        load(folders, resident_bytes=0)
