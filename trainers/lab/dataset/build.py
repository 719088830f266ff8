"""Build the data set `emoji`: names and keywords in 105 languages, 64-px images, fixed splits.

python -m trainers.lab.dataset.build          # writes cards/datasets/emoji/*.parquet and prints the digest
python -m trainers.lab.dataset.build --check  # builds in memory and compares the digest with the committed one
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import langcodes
import pyarrow as pa
import pyarrow.parquet as pq

from hub.cards import write_card
from trainers.corpora.emoji_dataset import TABLES, Rows, digest, read
from trainers.lab.dataset.concepts import Concept, emoji_id, read_concepts
from trainers.lab.dataset.dataset_card import dataset_card
from trainers.lab.dataset.download import DatasetSources, fetch
from trainers.lab.dataset.render_emoji import Renderer, to_webp
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES, split_of

MINIMUM_NAMES = 1500
"""CLDR locales with fewer names are left out."""
RIGHT_TO_LEFT = {"Adlm", "Arab", "Hebr", "Nkoo", "Syrc", "Thaa"}

Names = dict[str, tuple[str, list[str]]]


def build(sources: DatasetSources) -> dict[str, Rows]:
    """Return all rows of the four tables, in a fixed order."""
    english = read_names(sources, "en")
    renderer = Renderer(sources.font)
    concepts = list(read_concepts(sources.emoji_test, english))
    images = {concept.id: renderer.draw(concept.emoji) for concept in concepts}
    concepts = [concept for concept in concepts if images[concept.id] is not None]
    names: Rows = []
    languages: Rows = []
    for folder in sorted(sources.annotations.iterdir()):
        known = read_names(sources, folder.name)
        if sum(id in known for id in english) < MINIMUM_NAMES or _count_names(sources, folder.name) < MINIMUM_NAMES:
            continue
        rows = list(_name_rows(folder.name, concepts, known))
        names += rows
        languages.append(_language_row(folder.name, len(rows)))
    return {
        "concepts": [asdict(concept) for concept in concepts],
        "names": names,
        "languages": languages,
        "images": [
            {"concept": id, "image": {"bytes": to_webp(image), "path": f"{id}.webp"}}
            for id, image in images.items()
            if image is not None
        ],
    }


def write(tables: dict[str, Rows], folder: Path) -> None:
    """Write each table as a parquet file, and the card."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        table, path = pa.Table.from_pylist(tables[name]), folder / f"{name}.parquet"
        if name == "images":  # compressed already
            pq.write_table(table, path, compression="none")
        else:
            pq.write_table(table, path, compression="zstd", compression_level=19)
    write_card(dataset_card(tables, digest(tables)), folder / "README.md")


def read_names(sources: DatasetSources, language: str) -> Names:
    """Return (name, keywords) by concept id, from CLDR's annotations and derived annotations of one locale."""
    names: Names = {}
    for root, key in ((sources.annotations, "annotations"), (sources.derived, "annotationsDerived")):
        path = root / language / "annotations.json"
        if not path.exists():
            continue
        for emoji, entry in json.loads(path.read_text(encoding="utf-8"))[key].get("annotations", {}).items():
            if entry.get("tts"):
                names.setdefault(emoji_id(emoji), (entry["tts"][0], entry.get("default", [])))
    return names


def _count_names(sources: DatasetSources, language: str) -> int:
    document = json.loads((sources.annotations / language / "annotations.json").read_text(encoding="utf-8"))
    return sum(bool(entry.get("tts")) for entry in document["annotations"].get("annotations", {}).values())


def _name_rows(language: str, concepts: list[Concept], known: Names) -> Rows:
    rows: Rows = []
    for concept in concepts:
        if concept.id not in known:
            continue
        name, keywords = known[concept.id]
        own = [word for word in keywords if word != name] if concept.role == "base" else []
        split = split_of(language, concept)
        rows.append({"language": language, "concept": concept.id, "name": name, "keywords": own, "split": split})
    return rows


def _language_row(tag: str, count: int) -> dict[str, Any]:
    language = langcodes.Language.get(tag)
    script = language.maximize().script
    return {
        "language": tag,
        "name": language.display_name("en"),
        "autonym": language.display_name(tag),
        "script": script,
        "direction": "rtl" if script in RIGHT_TO_LEFT else "ltr",
        "names": count,
        "role": "held-out" if tag in HELD_OUT_LANGUAGES else "train",
    }


def main() -> int:
    """Build the data set, then write it or compare its digest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("cards/datasets/emoji"))
    parser.add_argument("--sources", type=Path, default=Path("build/emoji-sources"))
    parser.add_argument("--check", action="store_true", help="compare with the committed data set and write nothing")
    arguments = parser.parse_args()
    tables = build(fetch(arguments.sources))
    found = digest(tables)
    print(found)
    if arguments.check:
        expected = digest(read(arguments.folder))
        return 0 if found == expected else 1
    write(tables, arguments.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
