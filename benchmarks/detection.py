"""Measure how often the detector takes prompts for the wrong reader: the base's English, or one language module.

    python -m benchmarks.detection                    # `validation`, on which the margin was chosen, for several margins
    python -m benchmarks.detection --split result     # `pairs`, or `languages` where that is all there is, for the margin in use

The prompts are CLDR's emoji names, mostly one to three words, in all languages of Latin script; names that are spelled as in English
are left out. A pipeline has one module, so that a prompt is the module's or English. An undecided one goes to the module.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from unittest.mock import patch

MARGINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
LIMIT = 300
"""Prompts of one language, of which languages that were held out as a whole have thousands."""


def main() -> None:
    """Print one row for each language, and the mean of all names."""
    from hub.loader.prompts import detection

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=["validation", "result"], default="validation")
    result = parser.parse_args().split == "result"
    pairs = pairs_of(("pairs", "languages") if result else ("validation",))
    unsupported = [tag for tag in pairs if detection._detector(("en", tag)) is None]  # noqa: SLF001 - what is measured
    for margin in (detection.BASE_MARGIN,) if result else MARGINS:
        with patch.object(detection, "BASE_MARGIN", margin):
            detection.is_for_base.cache_clear()
            rows = {tag: errors(tag, pairs[tag], detection.is_for_base) for tag in pairs if tag not in unsupported}
        if result:
            for tag, row in rows.items():
                print(f"{tag:8} {described(*row)}")
        total = [sum(row[place] for row in rows.values()) for place in range(3)]
        print(f"margin {margin}: {described(*total)}", flush=True)
    print(json.dumps({"undecided, because `lingua` does not support them": unsupported}))


def pairs_of(splits: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
    """Return each language's names with their English, from the first split that has some."""
    from hub.loader.prompts.detection import _script_of
    from trainers.corpora import open_corpus

    corpus = open_corpus("emoji")
    found = {}
    for tag in corpus.languages:
        prompts = next((named for split in splits if (named := corpus.prompts(tag, split))), [])
        pairs = [(each.text, each.meaning) for each in prompts if each.text.casefold() != each.meaning.casefold()]
        if tag != "en" and _script_of(tag) == "Latn" and pairs:
            found[tag] = pairs[:: max(len(pairs) // LIMIT, 1)]
    return found


def errors(tag: str, pairs: list[tuple[str, str]], is_for_base: Callable[..., bool]) -> tuple[int, int, int]:
    """Return n, the names that are taken for English, and the English names that are not."""
    lost = sum(is_for_base(text, ("en",), (tag,)) for text, _ in pairs)
    kept = sum(not is_for_base(meaning, ("en",), (tag,)) for _, meaning in pairs)
    return len(pairs), lost, kept


def described(count: int, lost: int, kept: int) -> str:
    """Return both errors in per cent."""
    return (
        f"the module's language taken for English {lost / count:.1%} ({lost} of {count}), "
        f"English read by the module {kept / count:.1%} ({kept} of {count})"
    )


if __name__ == "__main__":
    main()
