"""Values of scores in lists and on pages."""

import pytest

from hub.cli.find.format_scores import format_value
from server.pages.formatting import number
from tests.builders.artifacts import a_score


@pytest.mark.parametrize(
    ("value", "unit", "in_lists", "on_pages"),
    [
        (0.7234, "1", "0.7234", "0.723"), (41.25, "ms", "41.25 ms", "41.25"), (9999, "USD", "9999 USD", "9999"),
        (150_000, "A100 h", "150,000 A100 h", "150,000"), (2e9, "pairs", "2,000,000,000 pairs", "2,000,000,000"),
    ],
)  # fmt: skip
def test_large_values_are_written_in_full(value, unit, in_lists, on_pages):
    assert format_value(a_score(value, unit=unit, low=None, high=None)) == in_lists
    assert number(value) == on_pages
