"""Write the example prompts and the extra keys of the server's pages, from the data set `emoji`.

    python -m trainers.lab.dataset.examples server/site/example_prompts.json

The server reads the file because it does not depend on a reader of parquet files. Only names are shown; nothing is trained on them.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

CONCEPTS = ("2764", "1f418", "1f697", "1f3e0", "2600", "1f436", "1f339", "1f34c", "1f41f", "1f6b2")
"""Red heart, elephant, automobile, house, sun, dog face, rose, banana, fish, bicycle: simple images with common names."""
SHOWN = 8
"""Examples per language, of the first of these concepts that it has a name for."""
MAX_KEYS = 32
MIN_NAMES = 5
"""A letter must be in this many names: rarer ones are in foreign names, such as those of countries."""


def write_examples(cards: Path) -> dict[str, Any]:
    """Return the examples and keys of each language. `cards`: folder of the data set."""
    from pyarrow import parquet

    languages = parquet.read_table(cards / "languages.parquet", columns=["language", "script"]).to_pylist()
    latin = {each["language"] for each in languages if each["script"] == "Latn"}
    concepts = parquet.read_table(cards / "concepts.parquet", columns=["id", "name"]).to_pylist()
    meanings = {each["id"]: each["name"] for each in concepts}
    names: dict[str, dict[str, str]] = defaultdict(dict)
    letters: dict[str, Counter[str]] = defaultdict(Counter)
    table = parquet.read_table(cards / "names.parquet", columns=["language", "concept", "name"])
    for language, concept, name in zip(*(table[column].to_pylist() for column in table.column_names), strict=True):
        if concept in CONCEPTS:
            names[language][concept] = name
        if language in latin:
            letters[language].update(filter(_is_key, set(unicodedata.normalize("NFC", name.lower()))))
    return {
        language: {
            "prompts": [[names[language][each], meanings[each]] for each in CONCEPTS if each in names[language]][
                :SHOWN
            ],
            "keys": _keys(letters[language]),
        }
        for language in sorted(each["language"] for each in languages)
    }


@cache  # There are millions of letters, and hundreds of different ones.
def _is_key(letter: str) -> bool:
    """Return whether a keyboard might lack a letter: Latin ones outside ASCII, and combining tone marks."""
    return not letter.isascii() and unicodedata.name(letter, "").startswith(("LATIN", "COMBINING", "MODIFIER LETTER"))


def _keys(counts: Counter[str]) -> str:
    frequent = [letter for letter, count in counts.most_common(MAX_KEYS) if count >= MIN_NAMES]
    return "".join(sorted(frequent, key=lambda each: (unicodedata.normalize("NFD", each), each)))


def main() -> None:
    """Write the file that is named on the command line."""
    from cards import __file__ as package

    examples = write_examples(Path(package).parent / "datasets" / "emoji")
    lines = [f"{json.dumps(tag)}: {json.dumps(each, ensure_ascii=False)}" for tag, each in examples.items()]
    Path(sys.argv[1]).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
