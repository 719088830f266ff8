"""Text of several lines that people type."""

import pytest

from hub.errors import InvalidRequest
from hub.registry.membership.plain_text import plain_text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a\r\nb\rc \n", "a\nb\nc"),
        ("a\tb", "a b"),
        ("می‌خواهم 👩‍🔬 नमस्ते", "می‌خواهم 👩‍🔬 नमस्ते"),
        ("", ""),
    ],
)
def test_lines_are_kept_and_ends_are_trimmed(typed, kept):
    assert plain_text(typed, 100, "the text") == kept


@pytest.mark.parametrize(
    ("typed", "named"), [("a\x00", "U+0000"), ("\x1b[31m", "U+001B"), ("\u202ea", "U+202E"), ("\ud800", "U+D800")]
)
def test_characters_that_cannot_be_shown_are_refused_by_name(typed, named):
    with pytest.raises(InvalidRequest, match=named.replace("+", r"\+")):
        plain_text(typed, 100, "the text")


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(InvalidRequest, match="the text has 11 characters: use at most 10"):
        plain_text("x" * 11, 10, "the text")
