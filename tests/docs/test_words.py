"""Sentences use plain English: phrases that make a native reader pause stay rare."""

from __future__ import annotations

import re
import subprocess

from tests.builders import ROOT

ODD = re.compile(
    r"(?<!there )\bis (no (?!longer\b)|none\b)|\b(shall|whom|so many|nobody|of before|pictures?)\b", re.IGNORECASE
)
"""“There is no …” and “is no longer” are idiomatic. `x is None` is code and does not count."""
SENTENCES = ("*.py", "*.md", "*.html", "Makefile")
NOT_OURS = ("THIRD_PARTY_NOTICES.md", "cards/", "docs/reference/glossary.md", "tests/")


def test_odd_phrases_stay_below_sixty_in_code_templates_and_documents():
    listed = subprocess.run(
        ["git", "ls-files", *SENTENCES], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in listed.stdout.splitlines()
        if not path.startswith(NOT_OURS)
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if ODD.search(re.sub(r"\b(is|is not) None\b", "", line))
    ]
    assert len(found) < 60, "\n".join(found)
