"""A method that cannot be trained for a base is refused from configuration files, with what can be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.errors import DoesNotFit
from hub.local import LocalHub
from tests.builders.training.commands import run
from trainers.cli import train
from trainers.frozen.fit import check_fit
from trainers.methods import METHODS, get_plan

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
