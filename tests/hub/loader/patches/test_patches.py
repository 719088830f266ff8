"""`unload()` gives the base back bit for bit, whatever a module had changed; English is the base's own all the while."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.builders.models.families import save_base, save_encoder, save_module


def digests(pipe: Any) -> dict[str, str]:
    """SHA-256 of every tensor of every component, by its key, with its type and shape."""
    found = {}
    for name, part in pipe.components.items():
        if isinstance(part, nn.Module):
            for key, value in part.state_dict().items():
                raw = value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
                found[f"{name}.{key}"] = f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(raw).hexdigest()}"
    return found


def hooks(pipe: Any) -> int:
    """Functions that run beside the modules of all components."""
    parts = [part for part in pipe.components.values() if isinstance(part, nn.Module)]
    return sum(
        len(each._forward_hooks) + len(each._forward_pre_hooks) for part in parts for each in part.modules()
    )  # fmt: skip


def words(pipe: Any) -> dict[str, int]:
    return {name: len(part) for name, part in pipe.components.items() if "tokenizer" in name and part is not None}


KINDS = ("plain", "lora", "lora beside a module", "lora of the encoder", "weights", "virtual tokens", "per step")


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_is_unchanged_bit_for_bit(
    kind: str, load: Callable[..., Any], draw: Callable[..., Tensor], make_change: Callable[[str], Path]
) -> None:
    pipe = load()
    before, own, count, tokens = digests(pipe), draw(pipe, ["aja", "a dog"]), hooks(pipe), words(pipe)
    pipe.load_adapter(make_change(kind))
    changed = draw(pipe, "aja", language="yo")
    assert not torch.equal(changed[0], own[0])  # it works, so that there is something to take back
    pipe.unload()
    assert digests(pipe) == before
    assert (hooks(pipe), words(pipe)) == (count, tokens)
    assert torch.equal(draw(pipe, ["aja", "a dog"]), own)


@pytest.mark.parametrize("kind", KINDS)
def test_english_is_the_bases_own_bit_for_bit_while_a_module_is_active(
    kind: str, load: Callable[..., Any], draw: Callable[..., Tensor], make_change: Callable[[str], Path]
) -> None:
    pipe = load()
    own = draw(pipe, ["a dog", "a cat"], negative_prompt=["a bird", ""])
    states = pipe.encode_prompt(["a dog"], pipe.device, 1, True, ["a bird"])
    pipe.load_adapter(make_change(kind))
    draw(pipe, "aja", language="yo")
    with_module = pipe.encode_prompt(["a dog"], pipe.device, 1, True, ["a bird"], language="en")
    assert all(torch.equal(found, wanted) for found, wanted in zip(with_module, states, strict=True))
    assert torch.equal(draw(pipe, ["a dog", "a cat"], negative_prompt=["a bird", ""], language="en"), own)


def test_all_kinds_at_once_leave_no_trace(
    load: Callable[..., Any], draw: Callable[..., Tensor], make_change: Callable[[str], Path]
) -> None:
    pipe = load()
    before, own, tokens = digests(pipe), draw(pipe, "aja"), words(pipe)
    for kind in KINDS:
        name = pipe.load_adapter(make_change(kind))
        pipe.set_adapters(name)
        draw(pipe, "aja", language="yo")
    pipe.unload()
    assert digests(pipe) == before
    assert words(pipe) == tokens
    assert torch.equal(draw(pipe, "aja"), own)


def test_a_replaced_projection_is_restored(
    load: Callable[..., Any], draw: Callable[..., Tensor], tmp_path: Path
) -> None:
    base, encoder = save_base("pixart", tmp_path / "pixart"), save_encoder(tmp_path / "encoder")
    pipe = load(base=base, encoder=encoder)
    size = {"height": 16, "width": 16, "use_resolution_binning": False}
    before, own, count = digests(pipe), draw(pipe, "a dog", **size), hooks(pipe)
    pipe.load_adapter(save_module("pixart", tmp_path / "module", encoder))
    assert not torch.equal(draw(pipe, "aja", language="yo", **size), own)
    assert torch.equal(draw(pipe, "a dog", language="en", **size), own)
    pipe.unload()
    assert digests(pipe) == before
    assert hooks(pipe) == count
    assert torch.equal(draw(pipe, "a dog", **size), own)
