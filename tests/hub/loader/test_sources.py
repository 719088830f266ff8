"""Bases, modules and encoders are found by name in a hub, with the revisions that belong together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from hub.errors import DoesNotFit, InvalidRequest, UnknownArtifact, UnknownBase, Unreachable
from hub.loader import load_pipeline
from hub.names import ArtifactName
from hub.publish.publish import publish


def republish(hub: Any, name: str, folder: Path, change: Any) -> Any:
    """Publish `name` again after `change` was made to a copy of `folder`."""
    change(folder)
    return publish(folder, ArtifactName("linguahub", name), hub.registry, hub.store)


def spoil(path: Path) -> None:
    """Other weights of the same shape."""
    from safetensors.torch import load_file, save_file

    weights = {key: value + 1 for key, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def test_names_lead_to_base_module_and_encoder(local_hub: Any, load: Any, make_module: Any) -> None:
    pipe = load_pipeline("tiny-sd", adapter="mulan-yo", hub=local_hub, device="cpu")
    same = load(make_module("mulan-yo"))
    assert torch.equal(pipe.encode_prompt("aja", "cpu", 1, False)[0], same.encode_prompt("aja", "cpu", 1, False)[0])
    assert load_pipeline("linguahub/tiny-sd", ["linguahub/mulan-yo"], hub=local_hub).get_active_adapters() == [
        "mulan-yo"
    ]


def test_an_unknown_name_is_refused_with_similar_ones(local_hub: Any) -> None:
    with pytest.raises(UnknownBase, match=r"no base is called `tiny-sdd`. Did you mean `tiny-sd`"):
        load_pipeline("tiny-sdd", hub=local_hub)
    with pytest.raises(UnknownArtifact, match="mulan-yo"):
        load_pipeline("tiny-sd", "mulan-yoo", hub=local_hub)
    with pytest.raises(InvalidRequest, match="`mulan-yo` is of kind adapter, not a base"):
        load_pipeline("mulan-yo", hub=local_hub)
    with pytest.raises(InvalidRequest, match="`tiny-xlmr` is of kind encoder, not a language module"):
        load_pipeline("tiny-sd", "tiny-xlmr", hub=local_hub)


def test_a_module_for_another_base_is_refused_with_its_variants(local_hub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pushed" / "mulan-yo"

    def for_another_base(folder: Path) -> None:
        (folder / "tiny-sd").rename(folder / "other-sd")

    republish(local_hub, "mulan-yo", folder, for_another_base)
    with pytest.raises(
        DoesNotFit, match=r"`mulan-yo` has no variant for `tiny-sd`, only for `other-sd`.*hub search --base tiny-sd"
    ):
        load_pipeline("tiny-sd", "mulan-yo", hub=local_hub)
    pipe = load_pipeline("tiny-sd", "mulan-yo", hub=local_hub, module_variant="other-sd")
    assert pipe.get_active_adapters() == ["mulan-yo"]


def test_a_module_keeps_its_encoder_when_a_newer_one_is_published(local_hub: Any, tmp_path: Path) -> None:
    before = load_pipeline("tiny-sd", "mulan-yo", hub=local_hub).encode_prompt("aja", "cpu", 1, False)[0]
    encoder = tmp_path / "pushed" / "tiny-xlmr"
    republish(local_hub, "tiny-xlmr", encoder, lambda folder: spoil(folder / "model.safetensors"))
    after = load_pipeline("tiny-sd", "mulan-yo", hub=local_hub).encode_prompt("aja", "cpu", 1, False)[0]
    assert torch.equal(before, after)


def test_a_module_whose_encoder_is_not_here_is_refused(local_hub: Any, tmp_path: Path) -> None:
    def pin_another(folder: Path) -> None:
        path = folder / "tiny-sd" / "config.json"
        config = json.loads(path.read_text())
        config["encoder"]["digest"] = "a" * 64
        path.write_text(json.dumps(config))

    republish(local_hub, "mulan-yo", tmp_path / "pushed" / "mulan-yo", pin_another)
    with pytest.raises(
        DoesNotFit, match=r"trained on the encoder `linguahub/tiny-xlmr` with digest aaaaaaaaaaaa, and .*hub pull"
    ):
        load_pipeline("tiny-sd", "mulan-yo", hub=local_hub)


def test_a_module_for_another_revision_of_the_base_is_refused(local_hub: Any, tmp_path: Path) -> None:
    first = local_hub.registry.get("tiny-sd")

    def pin_the_base(folder: Path) -> None:
        path = folder / "tiny-sd" / "config.json"
        config = json.loads(path.read_text())
        config["base"]["digest"] = first.weights_digest
        path.write_text(json.dumps(config))

    republish(local_hub, "mulan-yo", tmp_path / "pushed" / "mulan-yo", pin_the_base)
    base = tmp_path / "pushed" / "tiny-sd"
    republish(local_hub, "tiny-sd", base, lambda folder: spoil(folder / "unet" / "diffusion_pytorch_model.safetensors"))
    with pytest.raises(DoesNotFit, match=r"was trained on `tiny-sd` with digest .*revision="):
        load_pipeline("tiny-sd", "mulan-yo", hub=local_hub)
    assert load_pipeline("tiny-sd", "mulan-yo", hub=local_hub, revision="1").get_active_adapters() == ["mulan-yo"]


def test_an_older_revision_of_a_module_can_be_loaded(local_hub: Any, tmp_path: Path) -> None:
    before = load_pipeline("tiny-sd", "mulan-yo", hub=local_hub).encode_prompt("aja", "cpu", 1, False)[0]
    module = tmp_path / "pushed" / "mulan-yo"
    republish(local_hub, "mulan-yo", module, lambda folder: spoil(folder / "tiny-sd" / "model.safetensors"))
    newest = load_pipeline("tiny-sd", "mulan-yo", hub=local_hub).encode_prompt("aja", "cpu", 1, False)[0]
    older = load_pipeline("tiny-sd", "mulan-yo@1", hub=local_hub).encode_prompt("aja", "cpu", 1, False)[0]
    assert torch.equal(older, before)
    assert not torch.equal(newest, before)


@pytest.mark.parametrize(
    ("method", "upstream", "said"),
    [
        (
            "mulan",
            [{"repository": "a/b", "file": "c.pth"}],
            r"have not been downloaded: fetch them with `hub pull linguahub/mulan-far`",
        ),
        (
            "mulan",
            [],
            r"the weights of `mulan-far` are not published: show the command .* `hub show linguahub/mulan-far`",
        ),
        ("", [], r"`mulan-far` cannot be loaded: read why with `hub show linguahub/mulan-far --card`"),
    ],
)
def test_the_error_for_a_card_without_weights_explains_how_to_get_them(
    method: str, upstream: list[Any], said: str, local_hub: Any, tmp_path: Path
) -> None:
    card = {
        "language": "yo",
        "license": "apache-2.0",
        "linguahub": {"kind": "adapter", "summary": "Elsewhere.", "method": method, "upstream": upstream},
    }
    folder = tmp_path / "cards" / "adapters" / "mulan-far"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n\nElsewhere.\n")
    local_hub.index()
    with pytest.raises(InvalidRequest, match=said):
        load_pipeline("tiny-sd", "mulan-far", hub=local_hub)


def test_an_unreachable_upstream_base_is_reported(
    local_hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conditioning = {"width": 768, "length": None, "pooled_width": None, "mask": False}
    upstream = [{"repository": "nobody/far-sd", "file": "model_index.json", "revision": "main"}]
    ours = {"kind": "base", "summary": "Elsewhere.", "conditioning": conditioning, "upstream": upstream}
    folder = tmp_path / "cards" / "bases" / "far-sd"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(
        f"---\n{json.dumps({'language': 'en', 'license': 'apache-2.0', 'linguahub': ours})}\n---\n\nElsewhere.\n"
    )
    local_hub.index()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        Unreachable,
        match=r"`far-sd` is not on this machine: nobody/far-sd is not in .* is disabled by HF_HUB_OFFLINE",
    ):
        load_pipeline("far-sd", hub=local_hub)


def test_the_variant_of_a_renamed_base_is_the_one_that_fits(
    load: Any, make_module: Any, base_folder: Path, tmp_path: Path
) -> None:
    renamed = tmp_path / "my-own-tuning"
    shutil.copytree(base_folder, renamed)
    assert load(make_module("mulan-yo"), base=renamed).get_active_adapters() == ["mulan-yo"]
