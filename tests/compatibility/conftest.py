"""Small bases with modules, which several files of tests share."""

from __future__ import annotations

import pytest
import torch

from tests.builders.models.bases import SMALL
from tests.compatibility.small_case import SmallCase


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SmallCase]:
    """Return one case per family, built once."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("small")
    return {family: SmallCase(family, root) for family in SMALL}
