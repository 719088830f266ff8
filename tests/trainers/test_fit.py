"""A method that cannot be trained for a base is refused from configuration files, with what can be."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hub.encoders.text_encoder import TextEncoder
from hub.errors import DoesNotFit, InvalidRequest
from hub.local import LocalHub
from tests.builders.training.commands import run
from trainers.cli import train
from trainers.fit import check_fit, check_prefix
from trainers.inputs.prompt_rules import PromptRules
from trainers.methods import METHODS, get_plan
from trainers.recipes.recipe_file import read_recipe

DUAL = {"mclip", "mclip+", "mte"}
ANYWHERE = {"mulan", "translate", "memory"}
TRAINED = {
    "sd15": set(METHODS) - DUAL,
    "sdxl": {*ANYWHERE, "pea", "token-kd"},
    "pixart": ANYWHERE,
}
"""The methods that a base can be trained with."""


@pytest.mark.parametrize("shape", TRAINED)
def test_each_method_fits_a_base_or_is_refused_with_the_methods_that_fit(
    shape: str, original: Callable[[str], Path]
) -> None:
    folder, refused = original(shape), {}
    for name in METHODS:
        try:
            check_fit(get_plan(name), folder, shape)
        except DoesNotFit as error:
            refused[name] = str(error)
    assert set(refused) == set(METHODS) - DUAL - TRAINED[shape]
    for name, message in refused.items():
        assert message.startswith(f"`{name}` cannot be trained for `{shape}`")
        assert "\n" not in message
        assert {each for each in METHODS if f"`{each}`" in message.partition("trained with")[2]} == TRAINED[shape]


@pytest.mark.parametrize("method", ["lora", "prompt-tuning", "full", "altdiffusion", "iap"])
def test_sdxl_is_refused_before_anything_is_opened_or_computed(
    method: str, hub: LocalHub, original: Callable[[str], Path], encoder_folder: Path
) -> None:
    with pytest.raises(DoesNotFit, match="the base reads a pooled vector"):
        run(
            train, method, "--lang", "yo", "--base", str(original("sdxl")), "--encoder", str(encoder_folder),
            "--corpus", "toy", "--device", "cpu",
        )  # fmt: skip
    assert not [each for each in hub.home.caches.rglob("*") if each.is_file()], "no feature was computed"


def test_a_base_whose_class_is_not_trained_is_refused_by_its_class(
    hub: LocalHub, encoder_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "ChromaPipeline"}))
    with pytest.raises(DoesNotFit, match="is a ChromaPipeline, and training supports bases of class"):
        check_fit(get_plan("mulan"), tmp_path, "chroma")


@pytest.mark.parametrize("recipe", ["mulan-sd15", "mulan-sd21", "mulan-sdxl", "mulan-pixart"])
def test_a_mulan_recipe_is_refused_for_an_encoder_whose_prefix_is_not_the_three_tokens_it_drops(
    recipe: str, qllama_folder: Path, encoder_folder: Path
) -> None:
    found = read_recipe(recipe)
    rules = found.changes.apply(get_plan("mulan"), what=recipe).prompt_rules
    assert rules is not None
    check_prefix(rules, TextEncoder.from_folder(qllama_folder), "qllama")
    with pytest.raises(
        InvalidRequest, match=r"removes the tokens 1, 2, 3, but the prefix `summarize:` is 1, 2 in `tiny`"
    ) as told:
        check_prefix(rules, TextEncoder.from_folder(encoder_folder), "tiny")
    advice = re.findall(r"--set (\S+=(?:\[\S*\]|\d+))", str(told.value))
    changed = found.changes.with_sets([*advice, *(each.replace("prompt.", "prompt.negative.") for each in advice)])
    if recipe != "mulan-sdxl":  # Its negative prompts have the prefix, too.
        changed = found.changes.with_sets(advice)
    rules = changed.apply(get_plan("mulan"), what=recipe).prompt_rules
    assert rules is not None
    check_prefix(rules, TextEncoder.from_folder(encoder_folder), "tiny")


def test_a_prefix_without_a_start_token_begins_at_zero(original: Callable[[str], Path]) -> None:
    from hub.encoders.tokenizer import read_tokenizer

    tokenize = read_tokenizer(original("pixart") / "tokenizer", what="t5")
    encoder = TextEncoder(torch.nn.Identity(), tokenize, "last_hidden_state", None)
    count = len(tokenize(["a cat"], 64)[1][0].nonzero()), len(tokenize(["dog a cat"], 64)[1][0].nonzero())
    places = [*range(count[1] - count[0])]
    wrong = PromptRules.parse({"prefix": "dog ", "drop": [each + 1 for each in places], "length": 64}, what="test")
    with pytest.raises(InvalidRequest, match=r"`prompt.drop` removes"):
        check_prefix(wrong, encoder, "t5")
    check_prefix(PromptRules.parse({"prefix": "dog ", "drop": places, "length": 64}, what="test"), encoder, "t5")
