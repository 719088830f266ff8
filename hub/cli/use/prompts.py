"""Read prompts from arguments or from a file with one per line."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hub.errors import InvalidRequest
from hub.languages import parse_language

SHOWN = 5
"""Maximum number of invalid lines in a message."""


@dataclass(frozen=True, slots=True)
class PromptLine:
    """A prompt and its place in the input."""

    number: int
    """Line number, or position among the arguments, from 1."""
    text: str
    language: str
    """As given by the user; empty to detect it."""


def from_arguments(texts: Sequence[str], languages: Sequence[str]) -> list[PromptLine]:
    """Return prompts with one language for all of them, one for each, or none. Raises InvalidRequest."""
    if len(languages) not in {0, 1, len(texts)}:
        raise InvalidRequest(
            f"--language is given {len(languages)} times, and the number of prompts is {len(texts)}: use it once, or once per prompt."
        )
    if not all(text.strip() for text in texts):
        raise InvalidRequest("empty prompt: remove it.")
    tags = list(languages) if len(languages) == len(texts) else [*languages, ""][:1] * len(texts)
    return [PromptLine(number, text, tag) for number, (text, tag) in enumerate(zip(texts, tags, strict=True), 1)]


def from_file(path: str, languages: Sequence[str]) -> list[PromptLine]:
    """Read prompts from a UTF-8 file, `-` for standard input, with lines `prompt` or `language<TAB>prompt`. Blank lines are skipped.

    Lines without a language get the one in `languages`. Raises InvalidRequest with the numbers of invalid lines.
    """
    if len(languages) > 1:
        raise InvalidRequest(
            "--language is given several times: with --batch use it once, or write `language<TAB>prompt` lines."
        )
    name = "standard input" if path == "-" else path
    prompts: list[PromptLine] = []
    wrong: list[str] = []
    for number, line in enumerate(_lines(path, name), 1):
        if not line.strip():
            continue
        try:
            prompts.append(_parse(line, number, languages[0] if languages else ""))
        except InvalidRequest as error:
            wrong.append(f"line {number}: {error}")
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise InvalidRequest(f"{name}: {'; '.join(wrong[:SHOWN])}{more} No image was generated.")
    if not prompts:
        raise InvalidRequest(f"{name} has no prompts: write one per line.")
    return prompts


def _lines(path: str, name: str) -> list[str]:
    try:
        written = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise InvalidRequest(f"--batch `{path}` cannot be read: {error.strerror or error}.") from error
    lines = written.split(b"\n")
    try:
        return [line.decode("utf-8-sig" if place == 0 else "utf-8").rstrip("\r") for place, line in enumerate(lines)]
    except UnicodeDecodeError as error:
        place = next(number for number, line in enumerate(lines, 1) if error.object == line)
        raise InvalidRequest(f"{name}: line {place} is not UTF-8: save the file as UTF-8.") from error


def _parse(line: str, number: int, language: str) -> PromptLine:
    own, tab, text = line.partition("\t")
    if not tab:
        own, text = language, line
    elif not own.strip():
        raise InvalidRequest("no language before the tab.")
    else:
        own = parse_language(own.strip())
    if not text.strip():
        raise InvalidRequest("no prompt after the tab.")
    if control := [letter for letter in text if unicodedata.category(letter) == "Cc"]:
        raise InvalidRequest(f"control character U+{ord(control[0]):04X}.")
    return PromptLine(number, text.strip(), own)
