"""Fill a registry once for all tests of a module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from hub.registry import Registry
from tests.builders import postgres

ON_EACH_DATABASE = ["sqlite", "postgres"]


@contextmanager
def a_registry(
    request: pytest.FixtureRequest, folders: pytest.TempPathFactory, original: str = ""
) -> Iterator[Registry]:
    """Yield a copy of the registry at the address `original`, or of an empty one, on the database `request.param`."""
    if request.param == "postgres" and not original:
        with (
            postgres.a_reused_registry(request.getfixturevalue("cluster")) as address,
            closing(Registry.open(address)) as opened,
        ):
            yield opened
        return
    address = _copy(request, folders, original)
    with closing(Registry.open(address)) as opened:
        yield opened
    if request.param == "postgres":
        postgres.drop(request.getfixturevalue("cluster"), address)


def filled_registry(fill: Callable[[Registry], object]) -> tuple[Any, Any]:
    """Return two fixtures that yield a registry with what `fill` records, once on each database.

    The first one is shared by the tests of a module, which must not change it. The second one yields a copy for each test.
    """
    originals = dict[str, str]()

    @contextmanager
    def copied(request: pytest.FixtureRequest, folders: pytest.TempPathFactory) -> Iterator[Registry]:
        if request.param not in originals:
            address = _copy(request, folders)
            with closing(Registry.open(address)) as registry:
                fill(registry)
            originals[request.param] = address
        with a_registry(request, folders, originals[request.param]) as registry:
            yield registry

    @pytest.fixture(scope="module", params=ON_EACH_DATABASE)
    def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        with copied(request, tmp_path_factory) as registry:
            yield registry

    @pytest.fixture(params=ON_EACH_DATABASE)
    def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        with copied(request, tmp_path_factory) as registry:
            yield registry

    return shared, own


def _copy(request: pytest.FixtureRequest, folders: pytest.TempPathFactory, original: str = "") -> str:
    if request.param == "postgres":
        return postgres.a_registry(request.getfixturevalue("cluster"), original)
    path = folders.mktemp("registry") / "registry.db"
    return str(shutil.copy(original or request.getfixturevalue("empty_registry"), path))
