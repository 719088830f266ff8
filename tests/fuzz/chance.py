"""Choose valid and hostile values. The same seed gives the same choices."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

T = TypeVar("T")
TEXTS = (
    "", " ", "\0", "x\0y", "\ud800", "a\udfffb", "\x7f", "\x1b[31m", "\r\nX-Evil: y", "\u202e", "\ufeff", "é" * 300, "鱟" * 900, "x" * 5000, "-", "--", "'",
    '"', "`", "%", "%00", "%2e%2e%2f", "../../etc/passwd", "..", ".", "/", "//", "a/", "/a", "a//b", "a/../b", "\\", "C:\\x", "~", "*", "[", "{}", "{{7*7}}",
    "main", "HEAD", "refs/heads/main", "refs/pr/1", "0", "1", "-1", "1" * 40, "f" * 64, "0" * 64, "9" * 400, "1e400", "nan", "inf", "٣", "²", "true", "null",
    "None", "[]", "README.md", ".git/config", "config.json", "CON", "README.MD", "a" * 255, "a/" * 300 + "b", "<script>alert(1)</script>", "' OR 1=1 --",
    "; rm -rf /", "$(id)", "https://127.0.0.1/", "file:///etc/passwd", "javascript:alert(1)", "aah", "zh-Hant-TW", "x-y-z-" * 60, "mul", "und", "no",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 7, 255, 2**31, 2**32, 2**53, 2**63, 2**64, -(2**63), 10**30, 0.5, -0.0, 1e308, 1e-320)
LEAVES = (None, True, False, [], {}, [[]], [None], {"": None}, *NUMBERS)


class Chance(random.Random):
    """A random number generator that makes hostile values."""

    def often(self, share: float) -> bool:
        """Return True with this probability."""
        return self.random() < share

    def text(self) -> str:
        """Return a text that programs handle wrongly."""
        if self.often(0.15):
            return "".join(
                chr(self.choice((self.randrange(128), self.randrange(0x3000)))) for _ in range(self.randrange(30))
            )
        return self.choice(TEXTS)

    def leaf(self) -> Any:
        """Return a JSON value of any type."""
        return self.text() if self.often(0.5) else self.choice(LEAVES)

    def either(self, valid: T, share: float = 0.2) -> T | str:
        """Return `valid`, or with a probability of `share` a hostile text."""
        return self.text() if self.often(share) else valid

    def one_of(self, *makers: Callable[[], T]) -> T:
        """Call one of the functions."""
        return self.choice(makers)()

    def changed(self, value: Any, share: float = 0.08) -> Any:
        """Return a JSON value with some parts replaced, removed, repeated or added."""
        if self.often(share):
            return self.one_of(self.leaf, lambda: [value], lambda: {"value": value}, lambda: str(value))
        if isinstance(value, dict):
            kept = {key: self.changed(each, share) for key, each in value.items() if not self.often(share / 2)}
            return kept | ({self.text(): self.leaf()} if self.often(share) else {})
        if isinstance(value, list):
            kept_list = [self.changed(each, share) for each in value if not self.often(share / 2)]
            return kept_list * (self.randrange(1, 300) if self.often(share / 2) else 1)
        return value

    def damaged(self, content: bytes) -> bytes:
        """Return bytes with a few of them flipped, cut, doubled or inserted."""
        sent = bytearray(content)
        for _ in range(self.randrange(1, 4)):
            place = self.randrange(len(sent) + 1)
            match self.randrange(5):
                case 0:
                    sent[place:] = b""
                case 1 if place < len(sent):
                    sent[place] ^= 1 << self.randrange(8)
                case 2:
                    sent[place:place] = self.randbytes(self.randrange(1, 9))
                case 3:
                    sent[place : place + 4] = self.choice((bytes(4), b"\xff" * 4, b"\0\0\0\x80", b"0000", b"fff0"))
                case _:
                    sent[place:place] = sent[: self.randrange(len(sent) + 1)]
        return bytes(sent)

    def bytes_of(self, content: bytes, share: float = 0.3) -> bytes:
        """Return `content`, or with a probability of `share` damaged."""
        return self.damaged(content) if self.often(share) else content

    def segment(self, valid: str, share: float = 0.12) -> str:
        """Return an encoded part of a path, sometimes hostile."""
        return encoded(self.either(valid, share))

    def query(self, **values: Any) -> str:
        """Return a query with some of these parameters, some of them hostile."""
        chosen = [(name, self.either(str(value), 0.3)) for name, value in values.items() if self.often(0.5)]
        if self.often(0.1):
            chosen.append((self.text(), self.text()))
        if chosen and self.often(0.1):
            chosen.append((chosen[0][0], self.text()))
        return ("?" + "&".join(f"{encoded(name)}={encoded(value)}" for name, value in chosen)) if chosen else ""

    def some(self, values: Sequence[T]) -> list[T]:
        """Return a few of the values."""
        return [self.choice(values) for _ in range(self.randrange(4))] if values else []


def encoded(text: str) -> str:
    """Percent-encode a text; half surrogate pairs become bytes that are not UTF-8."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
