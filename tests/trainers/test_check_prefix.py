"""Prompt rules are refused for an encoder in whose tokens the dropped positions are not the prefix."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from trainers.check_prefix import check_prefix
from trainers.inputs.prompt_rules import PromptRules
from trainers.methods import get_plan
from trainers.recipes.recipe_file import read_recipe


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
