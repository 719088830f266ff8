"""Run one column of the matrix: a version of the client, with and without Xet."""

from __future__ import annotations

from packaging.version import Version

from tests.clients.environments import python_of
from tests.clients.page import WITHOUT_XET, Cell, cells_of
from tests.clients.serving import Service

SENDS_XET = Version("1.20")
"""The first version that uploads by Xet by default."""


def column(service: Service, version: str) -> dict[Cell, str]:
    """Run this version and return its cells. Fails with a list of the failed steps."""
    name, python = f"v{version.replace('.', '-')}", python_of(version)
    parts = service.received_parts()
    outcomes = service.walk(python, name)
    sends_xet = Version(version) >= SENDS_XET
    assert service.has_received_xet(name) == sends_xet
    if sends_xet:
        without = service.walk(python, f"{name}-lfs", "--sending", HF_HUB_DISABLE_XET="1")
        assert not service.has_received_xet(f"{name}-lfs")
    else:
        without = [each for each in outcomes if each["sends"]]
    assert service.received_parts() > parts
    return cells_of(outcomes, version) | cells_of(without, version, WITHOUT_XET)
