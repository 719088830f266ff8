"""Texts in columns: those of a list, in any order and across the parts of a file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from trainers.corpora.text_columns import Column, Part, Tags, Texts, digest_of_texts, in_slices

WORDS = [f"word {n}" for n in range(20)]


def in_chunks() -> Column:
    return Column(pa.chunked_array([WORDS[:3], [], WORDS[3:4], WORDS[4:]], pa.string()))


def test_rows_of_a_column_are_taken_in_any_order() -> None:
    column = in_chunks()
    rows = np.array([19, 0, 0, 3, 2, 4, 3])
    assert column.take(rows) == [WORDS[row] for row in rows]
    assert column.take(np.zeros(0, np.int64)) == []
    assert [*column] == column[:] == WORDS
    assert (column[-1], column[2:5], len(column)) == ("word 19", WORDS[2:5], 20)
    with pytest.raises(IndexError):
        column[20]


def test_texts_are_the_empty_one_and_then_rows_of_columns() -> None:
    texts = Texts.after_empty([Part(in_chunks(), np.array([5, 1])), Part(Column.of(["a", "b"]), np.array([1, 0, 1]))])
    expected = ["", "word 5", "word 1", "b", "a", "b"]
    assert [*texts] == [*texts[:]] == [texts[place] for place in range(6)] == expected
    assert all([*texts[first:last]] == expected[first:last] for first in range(7) for last in range(first, 8))
    assert texts[-1] == "b"
    with pytest.raises(IndexError):
        texts[6]


def test_tags_are_read_by_their_codes() -> None:
    tags = Tags(("", "yo", "sw"), np.array([0, 2, 2, 1], np.int16))
    assert [*tags] == tags[:] == ["", "sw", "sw", "yo"]
    assert tags[1] == "sw"


def test_a_digest_depends_on_texts_and_their_order_and_not_on_where_they_are() -> None:
    assert digest_of_texts(WORDS) == digest_of_texts(tuple(WORDS)) == digest_of_texts(in_chunks())
    assert (
        len({digest_of_texts(each) for each in (WORDS, WORDS[::-1], ["word", " 0"], ["word 0"], ["", "word 0"])}) == 5
    )
    assert [len(each) for each in in_slices(WORDS, 8)] == [8, 8, 4]
