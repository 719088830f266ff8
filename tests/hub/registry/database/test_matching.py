"""Words and groups of terms match the same artifacts in both databases, whether the text index finds them or rows are compared."""

import pytest

from hub.registry.database import postgres
from hub.registry.registry import Registry
from tests.builders.filled import filled_registry
from tests.builders.registry import an_artifact, fill

SUMMARIES = {
    "a/one": "altdiffusion",
    "a/two": "altdiffusion-extra",
    "a/three": "mulanish",
    "a/four": "mulan",
    "a/five": "nothing",
}
CASES = [
    (["mulan"], [], {"a/three", "a/four"}),
    (["altdiffusion"], [], {"a/one", "a/two"}),
    ([], [["mulan"]], {"a/three", "a/four"}),
    ([], [["altdiffusion"]], {"a/one", "a/two"}),  # A word before a hyphen is a whole word.
    ([], [["altdiffus"]], set()),  # Too long for a list of its prefix.
    ([], [["altdiffusion-ex", "mulan"]], {"a/three", "a/four"}),
    ([], [["_kind:adapter"], ["mulanish", "nothing"]], {"a/three", "a/five"}),
    ([], [["_kind:adap"]], set()),
    (["mulan"], [["_kind:adapter"]], {"a/three", "a/four"}),
    (["altdiffusion", "extra"], [["_method:full"], ["_kind:adapter"]], {"a/two"}),
]


def _fill(registry: Registry) -> None:
    fill(registry, *(an_artifact(name, summary=summary, method="full") for name, summary in SUMMARIES.items()))


registry, own_registry = filled_registry(_fill)


@pytest.mark.parametrize(("words", "groups", "expected"), CASES)
def test_words_and_groups_match_alike_in_the_index_and_in_rows(registry, words, groups, expected):
    database = registry.database
    listed = database.match_ids(words, groups, 10)
    condition, values = database.match_condition(words, groups)
    rows = database.rows(f"SELECT id, owner || '/' || name FROM artifacts WHERE {condition}", values)
    assert {row[1] for row in rows} == expected
    assert {row[0] for row in rows} == set(listed)


@pytest.mark.parametrize("compared", [4000, 2], ids=["rows are compared", "too many rows"])
@pytest.mark.parametrize(("words", "groups", "expected"), CASES)
def test_common_words_match_alike_in_rows(registry, monkeypatch, compared, words, groups, expected):
    monkeypatch.setattr(postgres, "_COMMON", 0)
    monkeypatch.setattr(postgres, "_MAX_COMPARED", compared)
    database = registry.database
    ids = {row[0]: row[1] for row in database.rows("SELECT id, owner || '/' || name FROM artifacts")}
    for limit in (0, 1, 10):
        found = {ids[each] for each in database.match_ids(words, groups, limit)}
        assert found <= expected
        assert len(found) == min(limit + 1, len(expected))
