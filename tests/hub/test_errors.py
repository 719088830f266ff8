"""Suggestions of similar names have a bounded cost, and messages a bounded length."""

from __future__ import annotations

import difflib

import pytest

from hub import errors
from hub.errors import UnknownFile, near_names


def test_near_names_are_found_best_first():
    assert near_names("mulan-yx", ["pea-hi", "mulan-yo", "mulan", "mulan-yo"]) == ["mulan-yo", "mulan"]
    assert near_names("mulan-yx", ["mulan-yo", "mulan-sw"], count=1) == ["mulan-yo"]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("a" * 200, ["a" * 199] * 100_000),
        ("a" * 200, [f"{'a' * 190}{number}" for number in range(100_000)]),
        ("a" * 10, [f"aaaa{number}" for number in range(100_000)]),
        ("a" * 100_000, ["a" * 200]),
        ("name", ["n" * 100_000]),
    ],
    ids=["one repeated", "long", "short", "a long name", "a long known one"],
)
def test_the_sum_of_products_of_compared_lengths_is_bounded(monkeypatch, name, known):
    compared = []
    genuine = difflib.get_close_matches
    monkeypatch.setattr(
        difflib,
        "get_close_matches",
        lambda word, others, **more: compared.extend(others) or genuine(word, others, **more),
    )
    near_names(name, known)
    assert sum(len(name) * len(each) for each in compared) <= errors._MAX_COMPARED


def test_a_message_repeats_the_beginning_of_a_long_name():
    assert len(str(UnknownFile("x" * 100_000))) < 500
    assert "`short`" in str(UnknownFile("short"))
