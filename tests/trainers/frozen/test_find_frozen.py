"""A base to train for is found by any of its names."""

from __future__ import annotations

import pytest

from hub.errors import InvalidRequest, UnknownBase
from hub.local import LocalHub
from trainers.frozen.find_frozen import find_base
from trainers.options import check_names


@pytest.mark.parametrize("name", ["tiny-sd", "TINY SD", "linguahub/tiny-sd"])
def test_any_name_of_a_base_is_pinned_as_the_registry_has_it(hub: LocalHub, name: str):
    check_names(hub, base=name)
    found = find_base(name, hub)
    assert (found.pin.name, found.short_name) == ("linguahub/tiny-sd", "tiny-sd")
    assert found.pin.digest == hub.registry.get("tiny-sd").weights_digest


def test_a_single_file_is_refused_with_the_call_that_makes_a_folder(hub: LocalHub):
    with pytest.raises(
        InvalidRequest, match=r"`model\.safetensors` is a single file: .*`load_pipeline\(.*\)\.save_pretrained"
    ):
        find_base("here/model.safetensors", hub)


def test_a_name_that_means_nothing_is_refused_before_torch_is_needed(hub: LocalHub):
    with pytest.raises(UnknownBase, match="Did you mean `tiny-sd`"):
        check_names(hub, base="tiny sdd")
