"""The emoji of the data set, with the role and the culture of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TONES = ("1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff")
HAIR = ("1f9b0", "1f9b1", "1f9b2", "1f9b3")
SHAPES = {"heart", "circle", "square"}
COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white"}

CULTURE_WORDS = {
    "Japan": ("Japan", "Japanese", "Shinto", "sushi", "bento box", "oden", "dango", "sake"),
    "China": ("Chinese", "mahjong red dragon", "fortune cookie", "moon cake", "red envelope"),
    "India": ("Hindu", "sari", "diya lamp"),
    "Islam": ("Muslim", "Islam"),
    "Judaism": ("Jew", "Jewish"),
    "Christianity": ("Christian", "church"),
    "Mexico": ("Mexican", "taco", "burrito", "tamale"),
    "United States": ("Statue of Liberty",),
    "Italy": ("spaghetti", "pizza"),
    "Middle East": ("falafel", "stuffed flatbread"),
}
"""A culture is assigned only when the emoji's English name or a keyword in CLDR contains one of these words."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One emoji."""

    id: str
    """Code points in hex, joined by `-`, without variation selectors: `2764`."""
    emoji: str
    name: str
    """English name in CLDR."""
    role: str
    """`base`, `tone`, `flag`, or `extra` (in the data set, but not used in training)."""
    group: str
    subgroup: str
    parent: str = ""
    """For a skin tone, the id of the emoji without it."""
    culture: str = ""
    culture_source: str = ""


def emoji_id(emoji: str) -> str:
    """Return the id of an emoji: its code points in hex, without variation selectors."""
    return "-".join(f"{ord(character):x}" for character in emoji if character != "\ufe0f")


def read_concepts(emoji_test: Path, english: dict[str, tuple[str, list[str]]]) -> Iterator[Concept]:
    """Yield every fully-qualified emoji that has an English name, in the order of Unicode's list.

    `english` maps an id to its CLDR name and keywords.
    """
    group = subgroup = ""
    for line in emoji_test.read_text(encoding="utf-8").splitlines():
        if line.startswith("# group:"):
            group = line.split(":", 1)[1].strip()
        elif line.startswith("# subgroup:"):
            subgroup = line.split(":", 1)[1].strip()
        elif "; fully-qualified" in line:
            emoji = "".join(chr(int(code, 16)) for code in line.split(";")[0].split())
            id = emoji_id(emoji)
            if id not in english:
                continue
            name, keywords = english[id]
            culture, source = _find_culture(id, name, keywords, subgroup)
            yield Concept(
                id=id,
                emoji=emoji,
                name=name,
                role=_find_role(id, name, group, subgroup),
                group=group,
                subgroup=subgroup,
                parent=_find_parent(id),
                culture=culture,
                culture_source=source,
            )


def shape_and_colour(name: str) -> tuple[str, str] | None:
    """Return (shape, colour) for a plain coloured shape such as `red heart`, else None."""
    match = re.fullmatch(r"(?:large )?(\w+) (\w+)", name)
    if match and match[1] in COLOURS and match[2] in SHAPES:
        return match[2], match[1]
    return None


def _find_role(id: str, name: str, group: str, subgroup: str) -> str:
    codes = id.split("-")
    if subgroup in ("country-flag", "subdivision-flag"):
        return "flag"
    if "200d" not in codes and any(code in TONES for code in codes):
        return "tone" if len(codes) == 2 else "extra"
    plain = "200d" not in codes and not set(codes) & {*TONES, *HAIR} and "20e3" not in codes
    symbol = group == "Symbols" and subgroup != "geometric"
    clock = re.search(r"o’clock|-thirty", name) is not None
    return "base" if plain and not symbol and not clock and group != "Component" else "extra"


def _find_parent(id: str) -> str:
    codes = id.split("-")
    return "-".join(code for code in codes if code not in TONES) if set(codes) & set(TONES) else ""


def _find_culture(id: str, name: str, keywords: list[str], subgroup: str) -> tuple[str, str]:
    if subgroup == "country-flag":
        letters = "".join(chr(int(code, 16) - 0x1F1E6 + ord("A")) for code in id.split("-"))
        return letters, "region code of the flag"
    for culture, words in CULTURE_WORDS.items():
        for word in words:
            if re.search(rf"\b{re.escape(word)}\b", name):
                return culture, f"CLDR English name: {word}"
            if word in keywords:
                return culture, f"CLDR English keyword: {word}"
    return "", ""
