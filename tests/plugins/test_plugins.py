import sys
import time

import pytest

from hub import plugins
from hub.errors import Unknown, UnknownMethod


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed distribution that adds a method, and one more whose import fails."""
    information = tmp_path / "yoruba_methods-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: yoruba-methods\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[hub.methods]\nproverbs = yoruba_methods:Proverbs\nbroken = nowhere:Nothing\n"
    )
    (tmp_path / "yoruba_methods.py").write_text("class Proverbs:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.advertised.cache_clear()
    yield
    plugins.advertised.cache_clear()
    sys.modules.pop("yoruba_methods", None)


def test_installed_packages_add_methods_that_are_imported_when_asked_for(package):
    assert {"proverbs", "broken"} <= set(plugins.advertised("hub.methods"))
    assert "yoruba_methods" not in sys.modules
    assert plugins.load("hub.methods", "proverbs").__name__ == "Proverbs"


def test_an_unknown_name_offers_near_ones(package):
    with pytest.raises(UnknownMethod, match="Did you mean `proverbs`"):
        plugins.load("hub.methods", "proverb")
    with pytest.raises(Unknown):
        plugins.load("hub.kinds", "nothing")


def test_a_group_that_is_not_ours_is_a_mistake_in_code():
    with pytest.raises(ValueError, match=r"none of linguahub's entry-point groups"):
        plugins.advertised("console_scripts")


def test_listing_twice_reads_once(package):
    plugins.advertised("hub.commands")
    start = time.perf_counter()
    plugins.advertised("hub.commands")
    assert time.perf_counter() - start < 0.001
