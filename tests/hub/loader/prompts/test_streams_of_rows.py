"""Further streams of a batch are joined where all rows have them, and left to the base where one leaves them out."""

from __future__ import annotations

import pytest

from hub.embeddings import shared_streams


def test_streams_that_all_rows_have_are_paired() -> None:
    assert shared_streams([("a1", "a2"), ("b1", "b2")]) == [("a1", "b1"), ("a2", "b2")]


def test_streams_that_one_row_leaves_to_the_base_are_left_to_it_for_all() -> None:
    assert shared_streams([("a1",), ()]) == []
    assert shared_streams([(), ()]) == []


def test_rows_with_other_numbers_of_streams_are_never_cut_to_the_fewest() -> None:
    with pytest.raises(ValueError, match="shorter|longer"):
        shared_streams([("a1", "a2"), ("b1",)])
