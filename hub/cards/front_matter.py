"""Split a README.md into front matter and prose. The YAML is untrusted: its size is checked before it is built."""

from __future__ import annotations

from typing import Any

import yaml

from hub.cards.card import FILE
from hub.errors import InvalidCard

_FENCE = "---"
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_VALUES = 100_000
"""Maximum number of values in front matter: a few lines of YAML aliases can expand to billions."""
MAX_DEPTH = 100
"""Maximum nesting of front matter: libyaml crashes the process at about 20,000 levels."""
MAX_DIGITS = 18
"""Maximum length of a whole number: databases and JSON store 64 bits."""
_START = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_END = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Loader(_BASE):
    """Reads whole numbers of up to MAX_DIGITS digits."""

    def whole_number(self, node: yaml.ScalarNode) -> int:
        if len(str(node.value)) > MAX_DIGITS:
            problem = f"a whole number has more than {MAX_DIGITS} digits; quote it if it is text"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return int(self.construct_yaml_int(node))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.whole_number)


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and prose of a README.md. Raises InvalidCard for invalid front matter.

    `huggingface_hub.ModelCard` would parse it in pure Python, ten times slower, and import an HTTP client first.
    """
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _FENCE:
        raise InvalidCard(
            f"the card has no front matter: start {FILE} with a line `{_FENCE}`, YAML, and another `{_FENCE}`."
        )
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise InvalidCard(f"the front matter is not closed: add a line `{_FENCE}`.")
    written = "".join(lines[1:end])
    try:
        _check_size(written)
        front_matter = yaml.load(written, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 2}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise InvalidCard(f"the front matter is not valid YAML{line}: {problem}.") from error
    except (ValueError, ArithmeticError, LookupError, AttributeError) as error:
        # PyYAML raises these for a scalar that does not fit its type, such as the date 2024-13-45 or `!!bool x`.
        raise InvalidCard(f"the front matter has an invalid date, number or other value: {error}.") from error
    if not isinstance(front_matter, dict):
        raise InvalidCard("the front matter is not a mapping: write `key: value` lines.")
    return front_matter, "".join(lines[end + 1 :]).strip()


def _check_size(written: str) -> None:
    """Raise InvalidCard for more than MAX_DEPTH levels or MAX_VALUES values. Aliased values count each time.

    Events arrive one by one and without recursion, so that reading stops at the limit.
    """
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []  # The anchor of each open collection, and the count before it.
    count = 0
    for event in yaml.parse(written, Loader=_BASE):
        if isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            if any(event.anchor == anchor for anchor, _ in opened):
                raise InvalidCard(f"the front matter refers to itself: replace the alias `*{event.anchor}` by a value.")
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, _START):
            opened.append((event.anchor, count))
            count += 1
        elif isinstance(event, _END):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            if "\0" in event.value:
                raise InvalidCard(f"the front matter has a NUL character in {event.value[:40]!r}: remove it.")
            count += 1
        if len(opened) > MAX_DEPTH:
            raise InvalidCard(f"the front matter has more than {MAX_DEPTH} levels: nest it less deeply.")
        if count > MAX_VALUES:
            raise InvalidCard(f"the front matter expands to more than {MAX_VALUES} values: shorten it.")
