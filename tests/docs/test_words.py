"""Sentences use plain English: phrases that make a native reader pause do not occur."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.builders import ROOT

PLAIN = {
    r"(?<!there )\b(?:is|are) (?:no (?!longer\b|larger\b)|none\b)": "`x` is not a folder; unknown order `x`",
    r"\bshall\b": "the revision that the alias points to",
    r"\bwhom\b": "the user to change",
    r"\bso many\b": "maximum number of results",
    r"\b(?:nobody|somebody)\b": "the weights are not published",
    r"\bof before\b": "previous memberships",
    r"\bpictures?\b": "image",
    r"\bfor ever\b": "forever",
    r"\banew\b": "again",
    r"\bwhoever\b": "anyone who pinned it; the user who authorizes the device",
    r"\bby heart\b": "the module memorizes its training names",
    r"\btold apart\b|\btells? \w+ apart\b": "a text cannot distinguish them",
    r"\b(?:tells|told) (?:all|every\w*|in one line)\b": "`hub push` reports all mistakes",
    r"\bequally many\b": "the same number of tokens",
    r"\bcannot draw\b|\bdraws? (?:prompts?|from a prompt)\b": "generate an image",
    r"\bwhat (?:is|was) (?:asked|drawn|told)\b": "the requested language",
    r"\bdoes not answer\b": "does not respond",
    r"^\s*\"\"\"(?:What|Who|Whoever|Whom) (?!people can\b)(?!is permitted\b)": "start with a verb or a noun: Facts about a base",
}
"""Odd phrase → what to write instead. “There is no …” and “is no longer” are idiomatic. `x is None` is code and does not count."""
ODD = re.compile("|".join(PLAIN), re.IGNORECASE)
ALLOWED = re.compile(r'NOISE_STREAM = "picture"|"nobody"|nobody/far-sd|/nobody|somebody/captions')
"""Names of accounts in tests, and the seed of published images."""
SENTENCES = ("*.py", "*.md", "*.html", "*.toml", "Makefile")
NOT_OURS = ("THIRD_PARTY_NOTICES.md", "cards/", "docs/reference/glossary.md", "tests/docs/test_words.py")
_THERE = re.compile(r"\bthere$", re.IGNORECASE)


def plain_words_for(sentence: str) -> str:
    """Return what to write instead of the first odd phrase of a sentence."""
    return next(plain for odd, plain in PLAIN.items() if re.search(odd, sentence, re.IGNORECASE))


def test_odd_phrases_occur_neither_in_sentences_nor_in_the_names_of_tests():
    listed = subprocess.run(
        ["git", "ls-files", *SENTENCES], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    found = []
    for path in listed.stdout.splitlines():
        before = ""
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
            words = line.replace("_", " ") if "def test_" in line else line
            sentence = f"{before} {words.strip()}" if _THERE.search(before) else words
            sentence = re.sub(r"\bNone\b", "", sentence)
            if not path.startswith(NOT_OURS) and ODD.search(sentence) and not ALLOWED.search(line):
                found.append(f"{path}:{number}: {line.strip()} → {plain_words_for(sentence)}")
            before = words.strip()
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "odd",
    [
        "`x` is no folder",
        "It stays for ever.",
        '    """What a card says."""',
        "`hub push` tells all mistakes",
        "it cannot draw",
    ],
)
def test_an_odd_phrase_is_found_and_its_plain_words_are_not(odd: str):
    assert ODD.search(odd)
    assert not ODD.search(plain_words_for(odd))
