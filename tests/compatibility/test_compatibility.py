"""Modules work with every feature of diffusers in every family, or the table has a reason why not."""

from __future__ import annotations

import pytest
import torch

from hub.bases.family import families
from tests.builders.models.bases import SMALL
from tests.compatibility.case import Case
from tests.compatibility.page import PAGE, render_page
from tests.compatibility.table import ABSENT, CELLS, check


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    """Return one case per family, built once."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("compatibility")
    return {family: Case(family, root / family) for family, _ in CELLS}


WORKING = [(family, feature) for family, feature in CELLS if check(family, feature) is not None]


@pytest.mark.parametrize(("family", "feature"), WORKING, ids=[f"{family}: {feature}" for family, feature in WORKING])
def test_a_module_works_with(family: str, feature: str, cases: dict[str, Case]) -> None:
    shows = check(family, feature)
    assert shows is not None
    shows(cases[family])


def test_absent_combinations_have_a_reason_in_words() -> None:
    assert all(len(reason.split()) > 4 for reason in ABSENT.values())
    assert set(ABSENT) <= set(CELLS)


def test_every_small_base_is_that_of_a_family() -> None:
    assert set(SMALL) <= {family.name for family in families()}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run `python -m tests.compatibility`"
