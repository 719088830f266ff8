"""Front matter of strangers is read with bounded work, and refused in one line."""

from __future__ import annotations

import time

import pytest

from hub.cards.front_matter import MAX_DEPTH, split_front_matter
from hub.errors import InvalidCard

LAUGHS = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
MERGES = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12))


def in_fences(yaml: str) -> str:
    return f"---\n{yaml}\n---\nprose\n"


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        (f"l0: &l0 [lol]\n{LAUGHS}", "expands to more than 100000 values"),
        (f"m0: &m0 {{a: 1}}\n{MERGES}", "expands to more than 100000 values"),
        ("a: [" + "1," * 2_000_000 + "]", "expands to more than 100000 values"),
        ("a: &a [*a]", "refers to itself"),
        ("a: &a {b: [{c: *a}]}", "refers to itself"),
        ("a: &a\n  <<: *a", "refers to itself"),
        ("a: " + "[" * 1_000_000, "more than 100 levels"),
        ("a: " + "{a: " * 1_000_000, "more than 100 levels"),
        ("- " * 1_000_000 + "a", "more than 100 levels"),
        ("? " * 1_000_000 + "a", "more than 100 levels"),
        ("a: *unknown", "not valid YAML in line 2"),
        ("a: " + "9" * 19, "line 2: a whole number has more than 18 digits"),
        ("a: " + "9" * 5000, "line 2: a whole number has more than 18 digits"),
        ("a: 0x" + "f" * 5000, "more than 18 digits"),
        ("a: " + ":".join(["59"] * 5000), "more than 18 digits"),
        ("a: " + ":".join(["59"] * 500) + ".5", "invalid date, number or other value"),
        ("a: 2024-13-45", "invalid date, number or other value: month must be in 1..12"),
        ("a: !!bool x", "invalid date, number or other value"),
        ("a: !!timestamp x", "invalid date, number or other value"),
        ("a: !!int x", "invalid date, number or other value"),
        ('a: "\\ud800"', "not valid YAML in line 2"),
        ("a: \0", "not valid YAML"),
        ("a: !!python/object:os.system x", "not valid YAML in line 2"),
        ("? [a]\n: b", "not valid YAML in line 2"),
    ],
)
def test_front_matter_that_is_too_much_or_wrong_is_refused_at_once(yaml, reason):
    began = time.process_time()
    with pytest.raises(InvalidCard, match=reason) as refused:
        split_front_matter(in_fences(yaml))
    assert "\n" not in str(refused.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("yaml", "value"),
    [
        ("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), list),
        ("a: " + "9" * 18, int),
        ("b: &b [1, 2]\na: *b", list),
        ("b: &b {c: 1}\na: {<<: *b}", dict),
        ("a: " + "9" * 64 + "f", str),
        ("a: [" + "1," * 50_000 + "]", list),
    ],
)
def test_large_and_nested_front_matter_within_the_limits_is_read(yaml, value):
    front_matter, prose = split_front_matter(in_fences(yaml))
    assert isinstance(front_matter["a"], value)
    assert prose == "prose"
