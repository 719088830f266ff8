"""Every version of Hugging Face's client behaves as documented in docs/reference/clients.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.environments import VERSIONS
from tests.clients.javascript import HAS_NODE, javascript_cells
from tests.clients.libraries import COLUMN, library_cells
from tests.clients.matrix import column
from tests.clients.page import JAVASCRIPT, PAGE, parse, render
from tests.clients.serving import Service, serving


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("served")) as service:
        yield service


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_behaves_as_documented_on_the_page(service: Service, version: str):
    found = column(service, version)
    shown = {cell: value for cell, value in parse(PAGE.read_text(encoding="utf-8")).items() if cell.column == version}
    assert found == shown, "run `python -m tests.clients`"


@pytest.mark.slow
def test_the_libraries_behave_as_documented_on_the_page(service: Service):
    found = library_cells(service)
    shown = {cell: value for cell, value in parse(PAGE.read_text(encoding="utf-8")).items() if cell.column == COLUMN}
    assert found == shown, "run `python -m tests.clients`"


@pytest.mark.slow
@pytest.mark.skipif(not HAS_NODE, reason="needs Node and npm: `make programs` installs them")
def test_the_javascript_client_behaves_as_documented_on_the_page(service: Service):
    found = javascript_cells(service)
    shown = {cell: value for cell, value in parse(PAGE.read_text(encoding="utf-8")).items() if cell.group == JAVASCRIPT}
    assert found == shown, "run `python -m tests.clients`"


def test_a_page_that_is_read_and_written_again_is_the_same():
    text = PAGE.read_text(encoding="utf-8")
    assert render(parse(text)) == text
