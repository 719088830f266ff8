"""Split a README.md into front matter and prose. The YAML is untrusted: it is read with bounded work."""

from __future__ import annotations

from typing import Any

from hub.cards.card import FILE
from hub.errors import InvalidCard

_FENCE = "---"


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and prose of a README.md. Raises InvalidCard for invalid front matter."""
    from hub.cards.yaml_values import read_yaml

    lines = text.splitlines(keepends=True)
    if not lines or lines[0].rstrip() != _FENCE:
        raise InvalidCard(
            f"the card has no front matter: start {FILE} with a line `{_FENCE}`, YAML, and another `{_FENCE}`.", line=1
        )
    end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise InvalidCard(f"the front matter is not closed: add a line `{_FENCE}`.", line=1)
    front_matter = read_yaml("".join(lines[1:end]), first_line=2)
    if not isinstance(front_matter, dict):
        raise InvalidCard("the front matter is not a mapping: write `key: value` lines.", line=2)
    return front_matter, "".join(lines[end + 1 :]).strip()
