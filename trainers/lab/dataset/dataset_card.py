"""Write the card of the data set `emoji`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hub.cards import Card
from trainers.lab.dataset.download import DEBIAN_PACKAGES, NPM_PACKAGES
from trainers.lab.dataset.splits import FLAGS_SHARE, HELD_OUT_LANGUAGES, PAIRS_SHARE, TONES_SHARE, VALIDATION_SHARE

PROSE = """# emoji

Names and keywords of {concepts:,} emoji in {languages} languages from Unicode CLDR, with 64-px images from Noto Color Emoji. The data set is small
enough to train and evaluate every method of this project on two CPU cores. All text was written by people; none of it is
machine-translated.

- digest: `{digest}` (SHA-256 over all rows; `python -m trainers.lab.dataset.build --check` rebuilds the data set and compares)

| file | rows | columns |
|---|---|---|
| `concepts.parquet` | {concepts:,} | id (code points), emoji, English name, role, Unicode group and sub-group, parent emoji of a skin tone, culture and its source |
| `names.parquet` | {names:,} | language, concept, name, keywords (base emoji only), split |
| `languages.parquet` | {languages} | BCP-47 tag, English name and autonym, script, direction, number of names, role |
| `images.parquet` | {concepts:,} | concept, image (64 × 64 WebP, quality 90) |

Roles: `base` ({base:,} emoji, the gallery in which a generated image must be recognised), `tone` ({tone}, skin tones of base emoji), `flag`
({flag}), `extra` ({extra:,}, in the data set but not used in training). A name that a locale lacks is left out; there is no fallback to English.

## Splits

Membership depends only on a SHA-256 over (language, concept), so adding rows does not move existing ones.

| split | rows | unseen in training | success shows |
|---|---|---|---|
| `seen` | {seen:,} | nothing | fit |
| `validation` | {validation:,} | name and keywords of a base emoji in one language ({validation_share:.0%} of them) | transfer; for choosing settings |
| `pairs` | {pairs:,} | as `validation` ({pairs_share:.0%}) | transfer; for reporting |
| `languages` | {held:,} | {held_count} whole languages: {held_out} | zero-shot transfer |
| `combinations` | {combinations:,} | in every language: {tone_share:.0%} of skin tones and five coloured shapes, including images; for {flag_share:.0%} of flags only the phrase (`flag: Mali`): the image is trained under the country's name | composition |

English has no held-out pairs, because the bases are trained on it. A related language may use the same word for a held-out emoji. That
is also transfer, and a reason to report languages separately.

## Culture

`culture` is set only when CLDR gives a source: the region code of a flag, or a word in the emoji's English name or keywords
(`culture_source` records which). {cultures} emoji other than flags have a culture.

## Sources and licences

{sources}

Names and keywords © Unicode, Inc. and contributors, licence Unicode-3.0. Images © Google, font Noto Color Emoji, licence OFL-1.1.
"""


def dataset_card(tables: dict[str, list[dict[str, Any]]], digest: str) -> Card:
    """Return the card, with counts taken from the rows of the tables."""
    concepts = tables["concepts"]
    roles = Counter(row["role"] for row in concepts)
    splits = Counter(row["split"] for row in tables["names"])
    packages = [f"- npm `{name}` {version}" for name, (version, _) in NPM_PACKAGES.items()]
    packages += [f"- Debian `{name}` {version}" for name, (version, _) in DEBIAN_PACKAGES.items()]
    prose = PROSE.format(
        digest=digest,
        concepts=len(concepts),
        names=len(tables["names"]),
        languages=len(tables["languages"]),
        **{role: roles[role] for role in ("base", "tone", "flag", "extra")},
        **{split: splits[split] for split in ("seen", "validation", "pairs", "combinations")},
        held=splits["languages"],
        held_count=len(HELD_OUT_LANGUAGES),
        held_out=", ".join(f"`{tag}`" for tag in HELD_OUT_LANGUAGES),
        pairs_share=PAIRS_SHARE,
        validation_share=VALIDATION_SHARE,
        tone_share=TONES_SHARE,
        flag_share=FLAGS_SHARE,
        cultures=sum(bool(row["culture"]) and row["role"] == "base" for row in concepts),
        sources="\n".join(packages),
    )
    return Card(
        kind="dataset",
        summary="Names, keywords and images of emoji in 105 languages, from Unicode CLDR and Noto Color Emoji",
        license="Unicode-3.0 AND OFL-1.1",
        languages=tuple(row["language"] for row in tables["languages"]),
        tags=("emoji", "text-to-image", "multilingual", "lab"),
        prose=prose,
    )
