"""The tables of advice agree with the tests of `hub train`, and only contain existing names."""

from __future__ import annotations

import re

import pytest

from hub.advice.tables import Criterion, costs, criteria, families, family_of, lab_bases, methods
from hub.local import LocalHub
from tests.builders.families_table import trained_families


def test_methods_fit_the_families_whose_training_is_tested():
    assert {each.name: sorted(each.fits) for each in methods()} == {
        name: sorted(fits) for name, fits in trained_families().items() if not name.startswith(("mclip", "mte"))
    }
    assert set(families()) == {name for fits in trained_families().values() for name in fits}


def test_tables_name_artifacts_that_exist():
    with LocalHub.open() as hub:
        kinds = {
            name: hub.registry.get(f"linguahub/{name}").kind
            for name in {
                *lab_bases(), *(each for bases in families().values() for each in bases), *(base for _, base in costs()),
                *(each.encoder for each in methods() if each.encoder), *(name for each in criteria() for name in each.published),
            }
        }  # fmt: skip
    assert {name for name, kind in kinds.items() if kind != "base"} == {
        each.encoder for each in methods() if each.encoder
    }
    assert {what for what, _ in costs()} <= {"image", *(each.name for each in methods())}


def test_every_cost_names_the_command_that_made_it():
    for (what, base), cost in costs().items():
        assert (cost.teraflop is None) != (cost.seconds is None), (what, base)
        assert cost.device_seconds > 0
        assert re.match(r"hub train |python -m |docs/", cost.source), cost.source
        assert what == "image" or family_of(base), base


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, []), ({"languages": 1}, ["one-language"]), ({"languages": 12}, ["many-languages"]), ({"budget": 1000.0}, ["budget"]),
        ({"budget": 5000.0}, []), ({"needs": ("culture", "prototype")}, ["culture", "prototype"]),
    ],
)  # fmt: skip
def test_a_criterion_of_the_study_is_told_where_it_applies(asked, found):
    asked = {"needs": (), "budget": None, "languages": 2, **asked}
    assert [each.need for each in criteria() if Criterion.applies(each, **asked)] == found
