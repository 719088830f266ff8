"""`unload()` gives the base back bit for bit, whatever a module had changed; English is the base's own all the while."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hub.systems import architectures
from hub.weights.strict import save_weights
from tests.builders.models.families import save_base, save_encoder, save_module
from tests.hub.loader.patches.test_timestep_hook import Stepped


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


def rewritten(folder: Path, **changes: Any) -> Path:
    """The variant of `folder`, with other lines in its config."""
    (variant,) = (path.parent for path in folder.glob("*/config.json"))
    config = json.loads((variant / "config.json").read_text())
    (variant / "config.json").write_text(json.dumps(config | changes))
    return variant


def save_lora(variant: Path, base_folder: Path) -> None:
    layer = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    weight = dict(_unet(base_folder).named_parameters())[layer.removeprefix("unet.") + ".weight"]
    rows, columns = weight.shape
    save_file(
        {f"{layer}.lora_A.weight": torch.randn(2, columns), f"{layer}.lora_B.weight": torch.randn(rows, 2)},
        variant / "pytorch_lora_weights.safetensors",
    )


def _unet(base_folder: Path) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel.from_pretrained(base_folder / "unet")


@pytest.fixture
def make_change(
    make_module: Callable[..., Path], base_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """A module that makes a change of this kind."""

    def make(kind: str) -> Path:
        folder = make_module(f"{kind}-yo")
        if kind == "plain":
            return folder
        torch.manual_seed(5)
        if kind == "lora beside a module":
            save_lora(rewritten(folder, delta={"format": "lora"}), base_folder)
        elif kind == "lora":
            variant = rewritten(folder, architecture="lora", encoder=None, module={}, delta={"format": "lora"})
            (variant / "model.safetensors").unlink()
            save_lora(variant, base_folder)
        elif kind == "weights":
            variant = rewritten(folder, delta={"format": "weights"})
            unet = _unet(base_folder)
            for parameter in unet.parameters():
                parameter.data += 0.02 * torch.randn(parameter.shape, dtype=parameter.dtype)
            unet.save_pretrained(variant / "unet")
        elif kind == "virtual tokens":
            rule = {"prefix": "<yo-1> ", "drop": [], "length": 16}
            variant = rewritten(
                folder, architecture="prompt-tuning", encoder=None, module={}, prompt={**rule, "negative": rule, "empty": "base"}
            )  # fmt: skip
            (variant / "model.safetensors").unlink()
            save_file({"<yo-1>": torch.randn(3, 32)}, variant / "learned_embeds.safetensors")
        else:
            monkeypatch.setitem(
                architectures.ARCHITECTURES, "stepped", "tests.hub.loader.patches.test_timestep_hook:Stepped"
            )
            sizes = {"in_width": 24, "out_width": 32}
            variant = rewritten(folder, architecture="stepped", module=sizes)
            save_weights(Stepped(**sizes), variant / "model.safetensors")
        return folder

    return make


KINDS = ("plain", "lora", "lora beside a module", "weights", "virtual tokens", "per step")


@pytest.mark.parametrize("kind", KINDS)
def test_the_base_is_what_it_was_bit_for_bit(
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


def test_a_projection_that_gave_its_place_to_a_module_has_it_again(
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
