"""A module changes the base's own text encoder while it reads, and only then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from hub.errors import DoesNotFit, InvalidSource, WeightsDoNotFit
from hub.loader import load_pipeline
from tests.builders.models.bases import SMALL

LAYERS = r".*language_model\.layers\.\d+\.self_attn\.(q|v)_proj"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Qwen-Image, whose text encoder is a language model."""
    folder = tmp_path_factory.mktemp("base") / "qwen-image"
    torch.manual_seed(5)
    SMALL["qwen-image"].make().save_pretrained(folder)
    return folder


@pytest.fixture
def make_lora(base: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a module as PEFT saves a LoRA of that encoder."""

    def make(name: str = "lora-yo", **module: Any) -> Path:
        from transformers import Qwen2_5_VLForConditionalGeneration

        folder = tmp_path / name / "qwen-image"
        encoder = Qwen2_5_VLForConditionalGeneration.from_pretrained(base / "text_encoder")
        torch.manual_seed(len(name))
        made = get_peft_model(encoder, LoraConfig(r=2, target_modules=LAYERS, init_lora_weights=False))
        made.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        config = {
            "format": 1, "kind": "adapter", "method": "lora", "architecture": "encoder-lora", "module": module,
            "base": {"name": "linguahub/qwen-image", "digest": ""}, "encoder": None,
            "conditioning": {"width": 16, "length": None, "pooled_width": None, "mask": True},
            "prompt": {"prefix": "", "drop": [], "length": 512}, "languages": ["yo"], "run": {}, "parent": "",
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config))
        return folder.parent

    return make


def load(base: Path, *modules: Path) -> Any:
    return load_pipeline(base, list(modules), device="cpu")


def test_prompts_of_the_module_are_read_with_its_lora_and_english_without_in_one_batch(
    base: Path, make_lora: Callable[..., Path]
) -> None:
    folder = make_lora()
    pipe = load(base)
    own, _ = pipe.encode_prompt(["aja", "dog"])
    pipe.load_adapter(folder)
    both, _ = pipe.encode_prompt(["aja", "dog"], language=["yo", "en"])
    assert torch.equal(both[1], own[1])
    assert not torch.allclose(both[0], own[0])
    pipe.text_encoder.load_adapter(str(folder / "qwen-image"), adapter_name="theirs")  # as transformers reads it
    theirs, _ = pipe.encode_prompt(["aja", "dog"], language="en")
    torch.testing.assert_close(both[0], theirs[0])


def test_two_loras_of_one_encoder_do_not_mix(base: Path, make_lora: Callable[..., Path]) -> None:
    first, second = make_lora("one-yo"), make_lora("other-yo")
    alone = [load(base, folder).encode_prompt(["aja"], language="yo")[0] for folder in (first, second)]
    pipe = load(base, first, second)
    assert torch.equal(pipe.encode_prompt(["aja"], language="yo")[0], alone[0])
    pipe.set_adapters("other-yo")
    assert torch.equal(pipe.encode_prompt(["aja"], language="yo")[0], alone[1])
    assert not torch.equal(*alone)


def test_anything_but_a_plain_lora_is_refused(base: Path, make_lora: Callable[..., Path]) -> None:
    folder = make_lora()
    path = folder / "qwen-image" / "adapter_config.json"
    given = json.loads(path.read_text())
    for change in (
        {"use_dora": True},
        {"peft_type": "IA3"},
        {"r": "2"},
        {"bias": "all"},
        {"modules_to_save": ["norm"]},
    ):
        path.write_text(json.dumps({**given, **change}))
        with pytest.raises(InvalidSource, match="only a plain LoRA is supported"):
            load(base, folder)
    path.unlink()
    with pytest.raises(Exception, match=r"adapter_config\.json"):
        load(base, folder)


def test_a_lora_for_another_encoder_is_refused_and_the_base_is_unchanged(
    base: Path, make_lora: Callable[..., Path]
) -> None:
    folder = make_lora()
    path = folder / "qwen-image" / "adapter_model.safetensors"
    weights = load_file(path)
    key = min(weights)
    save_file({**weights, key: torch.zeros(3, 3)}, path)
    pipe = load(base)
    before = set(pipe.text_encoder.state_dict())
    with pytest.raises(WeightsDoNotFit, match=r"is 3×3 and should be 2×16"):
        pipe.load_adapter(folder)
    save_file({name: value for name, value in weights.items() if name != key}, path)
    with pytest.raises(WeightsDoNotFit, match="is missing"):
        pipe.load_adapter(folder)
    assert set(pipe.text_encoder.state_dict()) == before
    with pytest.raises(DoesNotFit, match="has no such text encoder"):
        load(base, make_lora("far-yo", component="text_encoder_4"))


def test_a_lora_that_the_caller_removed_is_missed_in_one_line(base: Path, make_lora: Callable[..., Path]) -> None:
    from diffusers.utils import recurse_remove_peft_layers

    pipe = load(base, make_lora())
    recurse_remove_peft_layers(pipe.text_encoder)  # what `unload_lora_weights` does to text encoders
    with pytest.raises(DoesNotFit, match="was removed from the text encoder by `unload_lora_weights`"):
        pipe.encode_prompt(["aja"], language="yo")
