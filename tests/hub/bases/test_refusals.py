"""Unsupported requests to a base are refused in one line, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hub.bases import family_of
from hub.conditioning import Conditioning, Stream, conditioning_problems, read_conditioning
from hub.errors import DoesNotFit
from hub.loader import load_pipeline
from tests.builders.models.bases import SMALL


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(5)
    root = tmp_path_factory.mktemp("bases")
    for name in ("flux2-klein", "z-image", "chroma"):
        SMALL[name].make().save_pretrained(root / name)
    return {name: root / name for name in ("flux2-klein", "z-image", "chroma")}


def test_a_negative_prompt_for_a_distilled_model_is_refused(folders: dict[str, Path]) -> None:
    pipe = load_pipeline(folders["flux2-klein"], device="cpu")
    with pytest.raises(DoesNotFit, match="`Flux2KleinPipeline` reads no negative prompts: leave `negative_prompt` out"):
        pipe("a dog", negative_prompt="a cat", num_inference_steps=1)


def test_a_list_of_embeddings_and_one_tensor_are_not_taken_for_each_other(folders: dict[str, Path]) -> None:
    lists, tensors = (load_pipeline(folders[name], device="cpu") for name in ("z-image", "chroma"))
    with pytest.raises(DoesNotFit, match="is a list of tensors, not one tensor"):
        lists(prompt_embeds=torch.zeros(1, 4, 16), negative_prompt_embeds=[torch.zeros(4, 16)], num_inference_steps=1)
    with pytest.raises(DoesNotFit, match="is one tensor, not a list"):
        tensors.encode_prompt(None, prompt_embeds=[torch.zeros(4, 16)])


def test_a_tokenizer_without_the_chat_template_that_a_base_needs_is_named(folders: dict[str, Path]) -> None:
    pipe = load_pipeline(folders["z-image"], device="cpu")
    pipe.tokenizer.chat_template = None
    with pytest.raises(
        DoesNotFit, match=r"`ZImagePipeline` writes prompts into a chat template, and its tokenizer has none: "
    ):
        pipe("a dog", num_inference_steps=1)


@pytest.mark.parametrize(
    "index",
    [
        {"_class_name": ["pipeline", "OwnPipeline"]},
        {"_class_name": "StableDiffusionPipeline", "unet": ["own_unet", "OwnUNet"]},
    ],
)
def test_a_base_with_its_own_code_is_refused(index: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "own_unet.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(DoesNotFit, match=r"needs its own code, .*\.py, and downloaded code is never run"):
        family_of(tmp_path)


TWO = Conditioning(width=16, streams=(Stream(name="glyphs", width=8, mask=True),), mask=True)


@pytest.mark.parametrize(
    ("output", "base"),
    [
        (Conditioning(width=16), TWO),
        (TWO, Conditioning(width=16, mask=True)),
        (Conditioning(width=16, layers=2), Conditioning(width=32)),
        (Conditioning(width=24), Conditioning(width=16)),
    ],
    ids=["a stream is missing", "a stream too many", "layers for one layer", "another width"],
)
def test_streams_of_other_widths_do_not_fit(output: Conditioning, base: Conditioning) -> None:
    assert not base.accepts(output)
    assert output.describe() != base.describe()


def test_a_module_may_leave_an_optional_stream_to_the_base() -> None:
    optional = Conditioning(width=16, streams=(Stream(name="glyphs", width=8, optional=True),))
    assert optional.accepts(Conditioning(width=16))
    assert not optional.accepts(Conditioning(width=24))


def test_a_conditioning_survives_json_and_old_ones_still_read() -> None:
    assert read_conditioning(json.loads(json.dumps(TWO.as_json()))) == TWO
    old = {"width": 768, "length": 77, "pooled_width": None, "mask": False}
    assert read_conditioning(old).as_json() == old


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"layers": 0}, "layers"),
        ({"packing": "sparse"}, "packing"),
        ({"streams": {}}, "streams"),
        ({"streams": [{"name": "a b", "width": 1}]}, "name"),
        ({"streams": [{"name": "glyphs"}]}, "width"),
        ({"streams": [{"name": "glyphs", "width": 8, "depth": 1}]}, "depth"),
        ({"streams": ["glyphs"]}, "mapping"),
    ],
)
def test_an_invalid_conditioning_is_refused(changes: dict[str, object], problem: str) -> None:
    assert any(problem in each for each in conditioning_problems({"width": 16, **changes}))
