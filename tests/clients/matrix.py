"""One column of the matrix: a version of the client, with and without Xet."""

from __future__ import annotations

from packaging.version import Version

from tests.clients.environments import python_of
from tests.clients.page import WITHOUT_XET, Cell, cells_of
from tests.clients.serving import Service

SENDS_XET = Version("1.20")
"""The first version that sends by Xet without asking."""


def column(service: Service, version: str) -> dict[Cell, str]:
    """What this version does. Fails with every step that failed."""
    name = f"v{version.replace('.', '-')}"
    cells = cells_of(service.walk(python_of(version), name), version)
    assert service.has_received_xet(name) == (Version(version) >= SENDS_XET)
    without = service.walk(python_of(version), f"{name}-lfs", "--sending", HF_HUB_DISABLE_XET="1")
    assert not service.has_received_xet(f"{name}-lfs")
    return cells | cells_of(without, version, WITHOUT_XET)
