"""Modules of one parent become one: averaged, or merged by TIES; ready to be published, with its lineage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from hub import merge
from hub.cli import main
from hub.errors import DoesNotFit, InvalidRequest
from hub.loader.merge_modules import ties
from tests.builders.models.tiny import push, tokens

VARIANT = "tiny-sd"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / VARIANT / "model.safetensors")


def test_linear_is_the_weighted_mean(make_module: Any, load: Any, tmp_path: Path) -> None:
    parts = [make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)]
    made = merge(parts, tmp_path / "both", weights=[3, 1])
    first, second, found = weights(parts[0]), weights(parts[1]), weights(made)
    for key, value in found.items():
        assert torch.equal(value, (0.75 * first[key].float() + 0.25 * second[key].float()).half())
    pipe = load(made)
    assert pipe.get_active_adapters() == ["both"]
    assert torch.equal(tokens(pipe, "aja", language="sw"), tokens(pipe, "aja", language="yo"))


def test_its_config_and_card_list_the_merged_modules(make_module: Any, tmp_path: Path) -> None:
    parts = [make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)]
    made = merge(parts, tmp_path / "both")
    config = json.loads((made / VARIANT / "config.json").read_text())
    assert config["languages"] == ["yo", "sw"]
    merged = config["run"]["merged"]
    assert (merged["method"], merged["weights"]) == ("linear", [0.5, 0.5])
    assert [each["name"] for each in merged["of"]] == ["mulan-yo", "mulan-sw"]
    assert all(each["digest"] for each in merged["of"])
    assert "`mulan-yo`, weight 0.5" in (made / "README.md").read_text()


def test_ties_trims_elects_signs_and_averages_entries_that_agree() -> None:
    parent = {"w": torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0])}
    first = {"w": parent["w"] + torch.tensor([4.0, -3.0, 0.1, 2.0, 0.0])}
    second = {"w": parent["w"] + torch.tensor([2.0, 1.0, 0.2, -5.0, 0.0])}
    # The largest three of five are kept: 4, -3, 2 and 2, 1, -5. Signs of the sums: +, -, none, -.
    found = ties([first, second], [0.5, 0.5], 0.6, parent)["w"]
    torch.testing.assert_close(found, torch.tensor([1 + 3.0, 1 - 3.0, 1.0, 1 - 5.0, 1.0]))


def test_ties_without_a_parent_works_on_the_weights_themselves() -> None:
    first, second = {"w": torch.tensor([1.0, 3.0, -1.0])}, {"w": torch.tensor([3.0, -1.0, -2.0])}
    found = ties([first, second], [0.5, 0.5], 1.0, None)["w"]
    torch.testing.assert_close(found, torch.tensor([2.0, 3.0, -1.5]))
    weighed = ties([first, second], [0.1, 0.9], 1.0, None)["w"]
    torch.testing.assert_close(weighed, torch.tensor([2.8, -1.0, -1.9]))


def test_ties_of_folders_is_relative_to_the_parent_given(make_module: Any, tmp_path: Path) -> None:
    parent = make_module("mulan-all", ("mul",))
    parts = []
    for seed, tag in enumerate(("yo", "sw")):
        parts.append(make_module(f"mulan-{tag}", (tag,)))
        torch.manual_seed(seed)
        changed = {key: value + 0.1 * torch.randn_like(value) for key, value in weights(parts[-1]).items()}
        save_file(changed, parts[-1] / VARIANT / "model.safetensors")
    made = merge(parts, tmp_path / "both", method="ties", parent=parent)
    states = [{key: value.float() for key, value in weights(each).items()} for each in (parent, *parts)]
    expected = ties(states[1:], [0.5, 0.5], 0.2, states[0])
    for key, value in weights(made).items():
        torch.testing.assert_close(value, expected[key].half())
    merged = json.loads((made / VARIANT / "config.json").read_text())["run"]["merged"]
    assert (merged["density"], Path(merged["relative_to"]).name) == (0.2, "mulan-all")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parent": "linguahub/other"}, "the parent differs: none in `mulan-yo` and linguahub/other in `mulan-sw`"),
        (
            {"architecture": "projector"},
            "the architecture differs: resampler in `mulan-yo` and projector in `mulan-sw`",
        ),
        ({"module": {"queries": 20}, "conditioning": {"length": 20}}, "the module configuration differs: "),
        ({"encoder": {"digest": "f" * 64}}, "the digest of the encoder differs: "),
        ({"base": {"digest": "f" * 64}}, "the digest of the base differs: linguahub/ti"),
        ({"prompt": {"prefix": "say "}}, "the rule for prompts differs: "),
        ({"run": {"order": {"seed": 1}}}, "the initialisation has seed 0 in `mulan-yo` and 1 in `mulan-sw`"),
    ],
)
def test_modules_of_several_parents_are_refused_with_the_reason(
    make_module: Any, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    first = make_module("mulan-yo", run={"order": {"seed": 0}})
    second = make_module("mulan-sw", ("sw",), **changes)
    with pytest.raises(DoesNotFit, match="do not have one parent") as refused:
        merge([first, second], tmp_path / "both")
    assert reason.removeprefix("the digest of the base differs: linguahub/ti") in str(refused.value)
    assert not (tmp_path / "both").exists()


def test_wrong_requests_are_refused_before_anything_is_read(make_module: Any, tmp_path: Path) -> None:
    parts = [make_module("mulan-yo"), make_module("mulan-sw", ("sw",), seed=3)]
    for given, line in (
        ({"weights": [1.0]}, "the number of weights is 1, and that of modules 2"),
        ({"weights": [1.0, -1.0]}, "give non-negative numbers"),
        ({"method": "slerp"}, "unknown merge method `slerp`: choose linear or ties"),
        ({"density": 0.0}, "`density` is 0"),
    ):
        with pytest.raises(InvalidRequest, match=line):
            merge(parts, tmp_path / "both", **given)
    with pytest.raises(InvalidRequest, match="is not empty"):
        merge(parts, tmp_path)
    with pytest.raises(InvalidRequest, match="pass two or more"):
        merge(parts[:1], tmp_path / "both")


def test_the_command_combines_pushes_and_shows_the_lineage(
    work_folder: Path, local_hub: Any, make_module: Any, tmp_path: Path, capsys: Any
) -> None:
    push(local_hub, "mulan-sw", make_module("mulan-sw", ("sw",), seed=3), tmp_path, kind="adapter", language="sw")
    order = ["merge", "mulan-yo", "mulan-sw", "--weights", "0.25,0.75", "--name", "mulan-two"]
    assert main([*order, "--push"]) == 0
    assert "linguahub/mulan-two revision 1" in capsys.readouterr().out
    assert main(["show", "mulan-two"]) == 0
    shown = capsys.readouterr().out
    assert "0.25 linguahub/mulan-yo@" in shown and "0.75 linguahub/mulan-sw@" in shown
    assert main(order) == 2
    assert "`mulan-two` is not empty" in capsys.readouterr().err
    assert main([*order, "-o", "other", "--weights", "a,b"]) == 2
    assert "invalid --weights `a,b`" in capsys.readouterr().err
