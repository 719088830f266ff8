"""Sentences use plain English: phrases that make a native reader pause do not occur."""

from __future__ import annotations

import re
import subprocess

from tests.builders import ROOT

ODD = re.compile(
    r"(?<!there )\b(?:is|are) (?:no (?!longer\b|larger\b)|none\b)|\b(?:shall|whom|so many|nobody|somebody|of before|pictures?)\b",
    re.IGNORECASE,
)
"""“There is no …” and “is no longer” are idiomatic. `x is None` is code and does not count."""
ALLOWED = re.compile(r'NOISE_STREAM = "picture"|"nobody"|nobody/far-sd|/nobody|somebody/captions|re\.compile|\\b')
"""Names of accounts in tests, the seed of published images, and these patterns."""
SENTENCES = ("*.py", "*.md", "*.html", "*.toml", "Makefile")
NOT_OURS = ("THIRD_PARTY_NOTICES.md", "cards/", "docs/reference/glossary.md")
_THERE = re.compile(r"\bthere$", re.IGNORECASE)


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
                found.append(f"{path}:{number}: {line.strip()}")
            before = words.strip()
    assert not found, "\n".join(found)
