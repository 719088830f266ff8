"""A base to train for is found by any of its names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.errors import InvalidRequest, UnknownBase
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from trainers.frozen.find_frozen import find_base
from trainers.options import check_names


@pytest.mark.parametrize("name", ["tiny-sd", "TINY SD", "linguahub/tiny-sd"])
def test_any_name_of_a_base_is_pinned_as_the_registry_has_it(hub: LocalHub, name: str):
    check_names(hub, base=name)
    found = find_base(name, hub)
    assert (found.pin.name, found.short_name) == ("linguahub/tiny-sd", "tiny-sd")
    assert found.pin.digest == hub.registry.get("tiny-sd").weights_digest


def test_a_folder_with_the_name_of_another_base_is_refused(
    hub: LocalHub, base_folder: Path, original: Callable[[str], Path], tmp_path: Path
):
    copy = shutil.copytree(base_folder, tmp_path / "copies" / "tiny-sd")
    assert find_base(str(copy), hub).pin.digest == hub.registry.get("tiny-sd").weights_digest
    other = shutil.copytree(original("sd15"), tmp_path / "others" / "tiny-sd")
    with pytest.raises(
        InvalidRequest, match=r"has the name of the base `linguahub/tiny-sd` but other weights: .*Rename"
    ):
        find_base(str(other), hub)
    renamed = other.rename(tmp_path / "others" / "mine")
    assert find_base(str(renamed), hub).pin.name == "mine"


def test_a_folder_with_the_name_of_a_base_without_weights_here_must_have_its_conditioning(
    hub: LocalHub, original: Callable[[str], Path], tmp_path: Path
):
    write_card(
        Card(
            kind="base",
            summary="A base.",
            license="MIT",
            languages=("en",),
            conditioning=Conditioning(width=768),
            prose="# sd15",
        ),
        tmp_path / "sd15",
    )
    publish(tmp_path / "sd15", ArtifactName("linguahub", "sd15"), hub.registry, hub.store)
    with pytest.raises(InvalidRequest, match="has the name of the base `linguahub/sd15`"):
        find_base(str(original("sd15")), hub)


def test_a_single_file_is_refused_with_the_call_that_makes_a_folder(hub: LocalHub):
    with pytest.raises(
        InvalidRequest, match=r"`model\.safetensors` is a single file: .*`load_pipeline\(.*\)\.save_pretrained"
    ):
        find_base("here/model.safetensors", hub)


def test_an_unknown_name_is_refused_before_torch_is_needed(hub: LocalHub):
    with pytest.raises(UnknownBase, match="Did you mean `tiny-sd`"):
        check_names(hub, base="tiny sdd")
