"""Impossible compositions are refused in one line, before any weight is read if possible."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from hub.errors import (
    DamagedFile,
    DoesNotFit,
    InvalidCard,
    InvalidSource,
    MissingExtra,
    UnknownFile,
    Unreachable,
    WeightsDoNotFit,
)

WEIGHTS = Path("tiny-sd") / "model.safetensors"


def rewritten(folder: Path, change: Any) -> Path:
    """The module's weights after `change` of the dictionary."""
    path = folder / WEIGHTS
    weights = {key: value.clone() for key, value in load_file(path).items()}
    change(weights)
    save_file(weights, path)
    return folder


def test_a_module_of_another_width_is_refused_before_weights_are_read(load: Any, make_module: Any) -> None:
    folder = make_module("mulan-sd21", conditioning={"width": 1024, "length": 77})
    (folder / WEIGHTS).write_bytes(b"never read")
    with pytest.raises(
        DoesNotFit,
        match=r"gives 77 tokens of width 1024, but `tiny-sd` takes any number of tokens of width 32.*`tiny-sd`",
    ):
        load(folder)


def test_another_encoder_is_refused(load: Any, make_module: Any, another_encoder: Path) -> None:
    with pytest.raises(
        DoesNotFit, match=r"trained on the encoder `linguahub/tiny-xlmr` with digest .* `another-xlmr` has"
    ):
        load(make_module("mulan-yo"), encoder=another_encoder)


@pytest.mark.parametrize(
    ("spoil", "way"),
    [
        (lambda content: content[:-7], "truncated"),
        (lambda content: content + b"0000000", "extended"),
        (lambda content: content[:5], "header"),
    ],
)
def test_cut_or_extended_weights_are_damaged(load: Any, make_module: Any, spoil: Any, way: str) -> None:
    folder = make_module("mulan-yo")
    path = folder / WEIGHTS
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DamagedFile, match=f"{way}.*hub pull mulan-yo"):
        load(folder)


def test_every_disagreement_of_weights_is_listed(load: Any, make_module: Any) -> None:
    def change(weights: dict[str, torch.Tensor]) -> None:
        del weights["proj.0.bias"]
        weights["proj.9.bias"] = torch.zeros(3)
        weights["queries"] = torch.zeros(1, 5, 32, dtype=torch.float16)
        weights["proj.2.bias"] = weights["proj.2.bias"].to(torch.int8)

    with pytest.raises(WeightsDoNotFit) as caught:
        load(rewritten(make_module("mulan-yo"), change))
    assert caught.value.problems == [
        "`proj.0.bias` is missing",
        "`proj.9.bias` is unexpected",
        "`proj.2.bias` is int8 and should be float32, float16 or bfloat16",
        "`queries` is 1×5×32 and should be 1×16×32",
    ]


def test_weights_of_mixed_types_are_refused(load: Any, make_module: Any) -> None:
    with pytest.raises(WeightsDoNotFit, match="should share one type"):
        load(rewritten(make_module("mulan-yo"), lambda weights: weights.update(queries=weights["queries"].float())))


def test_a_pickle_is_never_loaded(load: Any, make_module: Any) -> None:
    folder = make_module("mulan-yo")
    for content in (pickle.dumps({"queries": 1}), b"PK\x03\x04torch.save"):
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(InvalidSource, match="pickle"):
            load(folder)


def test_missing_weights_are_named(load: Any, make_module: Any) -> None:
    folder = make_module("mulan-yo")
    (folder / WEIGHTS).unlink()
    with pytest.raises(Unreachable, match="hub pull mulan-yo"):
        load(folder)


def test_a_broken_base_is_found_out_before_diffusers_reads_it(load: Any, base_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken-sd"
    shutil.copytree(base_folder, broken)
    weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(
        DamagedFile, match=r"the weights of `broken-sd` are damaged: diffusion_pytorch_model.safetensors is truncated"
    ):
        load(base=broken)
    weights.unlink()
    (broken / "vae" / "diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(InvalidSource, match="`broken-sd` has the weights of its vae only as a pickle"):
        load(base=broken)
    shutil.rmtree(broken / "unet")
    with pytest.raises(UnknownFile, match=r"unet/config\.json"):
        load(base=broken)


def test_a_base_of_an_unknown_family_is_refused(load: Any, base_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base_folder, other)
    index = json.loads((other / "model_index.json").read_text())
    (other / "model_index.json").write_text(json.dumps({**index, "_class_name": "KandinskyPipeline"}))
    with pytest.raises(DoesNotFit, match="`other` is a `KandinskyPipeline`, which does not support language modules"):
        load(base=other)
    with pytest.raises(DoesNotFit, match="has no pipeline `StableDiffusionXLPipeline`"):
        load(pipeline_class=StableDiffusionXLPipeline)


def test_a_wrong_config_lists_every_problem(load: Any, make_module: Any) -> None:
    folder = make_module("mulan-yo", prompt={"length": 0, "drop": [99], "empty": "nothing"}, languages=[])
    with pytest.raises(
        InvalidCard,
        match=r"`prompt.length` is 0.*`prompt.drop`.*`prompt.empty` is 'nothing', not one of encode, zeros, base",
    ):
        load(folder)


def test_a_wrong_architecture_or_size_is_refused(load: Any, make_module: Any) -> None:
    folder = make_module("mulan-yo")
    path = folder / "tiny-sd" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "architecture": "resampleur"}))
    with pytest.raises(DoesNotFit, match=r"unknown architecture `resampleur`: .*`projector`, `resampler`"):
        load(folder)
    path.write_text(json.dumps({**config, "module": {"in_width": 24, "depth": 3}}))
    with pytest.raises(DoesNotFit, match=r"`out_width` is missing; `depth` is not one of its settings"):
        load(folder)
    path.write_text(json.dumps({**config, "encoder": {**config["encoder"], "readout": "last"}}))
    with pytest.raises(DoesNotFit, match="unknown readout `last`"):
        load(folder)


def test_a_failed_load_adapter_leaves_the_modules_unchanged(load: Any, make_module: Any) -> None:
    pipe = load(make_module("mulan-yo"))
    broken = make_module("mulan-sw", ("sw",))
    (broken / WEIGHTS).write_bytes(struct.pack("<Q", 2) + b"[]")
    with pytest.raises(DamagedFile):
        pipe.load_adapter(broken)
    assert pipe.get_active_adapters() == ["mulan-yo"]


def test_without_the_extra_the_line_names_it() -> None:
    script = "import sys; sys.modules['diffusers'] = None\nimport hub\nhub.load_pipeline"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=300)
    assert MissingExtra("load", "loading a pipeline").args[0] in done.stderr
