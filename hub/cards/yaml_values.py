"""Read the values of YAML 1.2 (core schema) from the events of libyaml, in one bounded pass.

PyYAML's own loaders resolve scalars as YAML 1.1 does: an unquoted `no`, Norwegian, is false, `12:30` a number and
`2024-01-02` a date. The Hugging Face Hub reads cards as YAML 1.2. docs/internals/cards.md gives the reasons.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from typing import Any, NoReturn

import yaml
from yaml.representer import SafeRepresenter

from hub.errors import InvalidCard

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_VALUES = 100_000
"""Maximum number of values: a few lines of YAML aliases can expand to billions."""
MAX_DEPTH = 100
"""Maximum nesting: later code can read the values recursively."""
MAX_DIGITS = 18
"""Maximum length of a whole number: databases and JSON store 64 bits."""
_TAG = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_FIRST = frozenset("~nNtTfF-+.0123456789")
"""First characters of the scalars that are not text."""


def read_yaml(text: str, *, first_line: int = 1) -> Any:
    """Return the value of a YAML document. `first_line` is its place in the file, for messages.

    Raises InvalidCard for invalid YAML, more than MAX_DEPTH levels or more than MAX_VALUES values. Aliased values count each time.
    """
    builder = _Builder(first_line)
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.add(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        number = mark.line + first_line if mark else 0
        line = f" in line {number}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise InvalidCard(f"the front matter is not valid YAML{line}: {problem}.", line=number) from error
    return builder.value


def write_yaml(value: Any) -> str:
    """Return `value` as YAML that reads the same in YAML 1.1 and 1.2: text that is a number in either is quoted.

    A mapping below `args`, which holds the details of a score, takes one line: a card may have hundreds of scores.
    """
    written = _dump(value, _FastDumper)
    # libyaml takes a fifth of the time, and escapes characters beyond U+FFFF, such as emoji.
    return _dump(value, _Dumper) if "\\U" in written else written


def _dump(value: Any, dumper: Any) -> str:
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=2**31 - 1)).rstrip("\n")


class _Represented(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return True: equal values are written out."""
        return True

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        """Represent `args` on one line."""
        node = super().represent_mapping(tag, mapping, flow_style)
        for key, value in node.value:
            if key.value == "args" and isinstance(value, yaml.MappingNode):
                value.flow_style = True
        return node


class _Dumper(_Represented, yaml.SafeDumper):
    """Quotes the text that YAML 1.2 reads as a number and YAML 1.1 does not, such as the digits `12e34` of a digest."""


class _FastDumper(_Represented, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # There may be no libyaml.
    """Does the same with libyaml."""


class _Builder:
    """Builds values from events, without recursion, so that reading stops at the first limit."""

    def __init__(self, first_line: int) -> None:
        self.value: Any = None
        self._first_line = first_line
        self._opened: list[_Collection] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        """Anchor → its value, and the number of values that it expands to."""
        self._count = 0

    def add(self, event: Any) -> None:
        if type(event) is yaml.ScalarEvent:  # Nearly all events are scalars.
            text = event.value
            is_text = event.tag is None and (not event.implicit[0] or (text and text[0] not in _FIRST)) and "\0" not in text
            value = text if is_text else self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = value, 1
            self._put(value, event, 1)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            if event.tag not in {None, "!", _TAG + ("map" if is_mapping else "seq")}:
                self._refuse(f"the tag {str(event.tag)[:60]!r} is not supported", event)
            self._opened.append(_Collection({} if is_mapping else [], event.anchor, self._count))
            self._add_values(1)
            if len(self._opened) > MAX_DEPTH:
                raise InvalidCard(f"the front matter has more than {MAX_DEPTH} levels: nest it less deeply.")
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            closed = self._opened.pop()
            size = self._count - closed.before
            if closed.anchor is not None:
                self._anchors[closed.anchor] = closed.content, size
            self._put(closed.content, event, 0)
        elif isinstance(event, yaml.AliasEvent):
            if any(event.anchor == each.anchor for each in self._opened):
                raise InvalidCard(f"the front matter refers to itself: replace the alias `*{event.anchor}` by a value.")
            if event.anchor not in self._anchors:
                self._refuse(f"the alias `*{event.anchor}` refers to nothing", event)
            self._put(self._anchors[event.anchor][0], event, self._anchors[event.anchor][1])
        elif isinstance(event, yaml.DocumentStartEvent) and self._count:
            self._refuse("a second document starts", event)

    def _put(self, value: Any, event: Any, count: int) -> None:
        """Put a complete value into the innermost open collection; `count` values are new."""
        self._add_values(count)
        if not self._opened:
            self.value = value
        elif (problem := self._opened[-1].take(value)) is not None:
            self._refuse(problem, event)

    def _add_values(self, count: int) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            raise InvalidCard(f"the front matter expands to more than {MAX_VALUES} values: shorten it.")

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text: str = event.value
        if "\0" in text:
            raise InvalidCard(f"the front matter has a NUL character in {text[:40]!r}: remove it.")
        if event.tag is not None:
            return self._tagged(text, event)
        if not event.implicit[0]:
            return text
        if _NULL.fullmatch(text):
            return None
        if _BOOLEAN.fullmatch(text):
            return text[0] in "tT"
        if INTEGER.fullmatch(text):
            return self._integer(text, event)
        return _float(text) if FLOAT.fullmatch(text) else text

    def _tagged(self, text: str, event: yaml.ScalarEvent) -> Any:
        """Return a scalar with an explicit tag."""
        if event.tag in {"!", f"{_TAG}str"}:
            return text
        readers: dict[str, tuple[re.Pattern[str], Callable[[], Any]]] = {
            f"{_TAG}int": (INTEGER, lambda: self._integer(text, event)),
            f"{_TAG}float": (FLOAT, lambda: _float(text)),
            f"{_TAG}bool": (_BOOLEAN, lambda: text[0] in "tT"),
            f"{_TAG}null": (_NULL, lambda: None),
        }
        if event.tag not in readers:
            self._refuse(f"the tag {str(event.tag)[:60]!r} is not supported", event)
        pattern, read = readers[event.tag]
        if pattern.fullmatch(text) is None:
            self._refuse(f"{text[:40]!r} is not of the type !!{event.tag.removeprefix(_TAG)}", event)
        return read()

    def _integer(self, text: str, event: yaml.ScalarEvent) -> int:
        if len(text) > MAX_DIGITS:
            self._refuse(f"a whole number has more than {MAX_DIGITS} digits; quote it if it is text", event)
        # A leading zero does not make a number octal, as it did in YAML 1.1.
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)

    def _refuse(self, problem: str, event: Any) -> NoReturn:
        line = event.start_mark.line + self._first_line
        raise InvalidCard(f"the front matter is not valid YAML in line {line}: {problem}.", line=line)


class _Collection:
    """A list or mapping whose end has not been read yet."""

    __slots__ = ("anchor", "before", "content", "is_key_next", "key")

    def __init__(self, content: Any, anchor: str | None, before: int) -> None:
        self.content = content
        self.anchor = anchor
        self.before = before
        """Number of values before it."""
        self.is_key_next = True
        self.key: Any = None

    def take(self, value: Any) -> str | None:
        """Add a value: an element, a key, or the value of the last key. Return a problem, or None."""
        if isinstance(self.content, list):
            self.content.append(value)
            return None
        if self.is_key_next:
            if not isinstance(value, Hashable):
                return "a key is a list or a mapping"
            self.key = value
        elif self.key == "<<" and isinstance(value, dict | list):
            # Not YAML 1.2, but the Hub's reader accepts it, and so did this one.
            for each in value if isinstance(value, list) else [value]:
                if not isinstance(each, dict):
                    return "`<<` merges mappings alone"
                for key, merged in each.items():
                    self.content.setdefault(key, merged)
        else:
            self.content[self.key] = value
        self.is_key_next = not self.is_key_next
        return None


def _float(text: str) -> float:
    # Python spells infinity and NaN without the dot. `1e999` is infinite too, which `hub.strict_json` refuses in a score.
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


for pattern in (INTEGER, FLOAT):
    for made in (_Dumper, _FastDumper):
        made.add_implicit_resolver(f"{_TAG}float", re.compile(f"(?:{pattern.pattern})$"), list("-+.0123456789"))
