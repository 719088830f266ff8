"""Front matter of strangers is read with bounded work, and refused in one line."""

from __future__ import annotations

import time

import pytest
import yaml

from hub.cards.front_matter import split_front_matter
from hub.cards.yaml_values import MAX_DEPTH, read_yaml, write_yaml
from hub.errors import InvalidCard

LAUGHS = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 12))
MERGES = "\n".join(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12))


def in_fences(text: str) -> str:
    return f"---\n{text}\n---\nprose\n"


@pytest.mark.parametrize(
    ("text", "reason"),
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
        ("a: !!bool x", "line 2: 'x' is not of the type !!bool"),
        ("a: !!timestamp x", "line 2: the tag .*timestamp' is not supported"),
        ("a: !!int x", "line 2: 'x' is not of the type !!int"),
        ("a: {<<: 3}\n<<: [3]", "`<<` merges mappings alone"),
        ("a: 1\n--- {b: 2}", "line 3: a second document starts"),
        ('a: "\\ud800"', "not valid YAML in line 2"),
        ("a: \0", "not valid YAML"),
        ("a: !!python/object:os.system x", "not valid YAML in line 2"),
        ("? [a]\n: b", "not valid YAML in line 2"),
    ],
)
def test_front_matter_that_is_too_much_or_wrong_is_refused_at_once(text, reason):
    began = time.process_time()
    with pytest.raises(InvalidCard, match=reason) as refused:
        split_front_matter(in_fences(text))
    assert "\n" not in str(refused.value)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), list),
        ("a: " + "9" * 18, int),
        ("b: &b [1, 2]\na: *b", list),
        ("b: &b {c: 1}\na: {<<: *b}", dict),
        ("a: " + "9" * 64 + "f", str),
        ("a: [" + "1," * 50_000 + "]", list),
        ("a: " + ":".join(["59"] * 5000), str),
    ],
)
def test_large_and_nested_front_matter_within_the_limits_is_read(text, value):
    front_matter, prose = split_front_matter(in_fences(text))
    assert isinstance(front_matter["a"], value)
    assert prose == "prose"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"), ("[no, NO, yes, on, off, y, n]", ["no", "NO", "yes", "on", "off", "y", "n"]), ("true", True), ("False", False),
        ("2024-01-02", "2024-01-02"), ("2024-13-45", "2024-13-45"), ("12:30:45", "12:30:45"), ("007", 7), ("0o17", 15), ("0x1F", 31),
        ("1_000", "1_000"), ("1e3", 1000.0), ("-.5", -0.5), ("1.", 1.0), (".", "."), ("-", [None]), ("~", None), ("", None),
        ("null", None), ("'no'", "no"), ('"1"', "1"), ("!!str 1", "1"), ("! 1", "1"), ("!!float 1", 1.0), ("{a: {b: c}}", {"a": {"b": "c"}}),
        ("{<<: {a: 1, b: 2}, a: 3}", {"a": 3, "b": 2}), ("1.2.3", "1.2.3"), ("[&x no, *x]", ["no", "no"]), ("|\n  no", "no"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(written, value):
    assert read_yaml(written) == value


@pytest.mark.parametrize(
    "value",
    ["no", "yes", "1e5", "12e34", "0o17", "0x1f", "007", ".5", "1_000", "2024-01-02", "12:30", "~", "", "null", "true", "- a", "é\n\nz",
     "a\x85b", "犬\u2028", "\xa0", "😀 - a",
     1, -1.5, 1e-7, 1e20, True, None, ["no", {"a": []}]],
)  # fmt: skip
def test_written_values_read_the_same_in_yaml_1_1_and_1_2(value):
    written = write_yaml({"a": value})
    assert read_yaml(written) == yaml.safe_load(written) == {"a": value}


def test_emoji_are_written_as_they_are():
    assert write_yaml({"summary": "😀 in 犬", "languages": ["no", "yo"]}) == "summary: 😀 in 犬\nlanguages:\n- 'no'\n- yo"


def test_the_details_of_a_score_take_one_line_and_read_the_same():
    details = {"provenance": "measured", "source": "hub evaluate a, b: c # d", "language": "no", "seed": 0, "low": 0.5}
    value = {"metrics": [{"type": "recall", "args": details}]}
    written = write_yaml(value)
    assert len(written.splitlines()) == 3
    assert read_yaml(written) == value
