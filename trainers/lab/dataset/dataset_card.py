"""The card of the data set `emoji`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hub.cards import Card
from trainers.lab.dataset.download import DEBIAN_PACKAGES, NPM_PACKAGES
from trainers.lab.dataset.splits import FLAGS_SHARE, HELD_OUT_LANGUAGES, PAIRS_SHARE, TONES_SHARE, VALIDATION_SHARE

PROSE = """# emoji

What {languages} languages call {concepts:,} emoji, and what the emoji look like: human-made names and keywords from Unicode CLDR, 64-px
images from Noto Color Emoji. Small enough to train and judge every method of this project on two cores, and real: no
word of it was translated by a machine.

- digest: `{digest}` (SHA-256 over every row; `python -m trainers.lab.dataset.build --check` builds it again and compares)

| file | rows | columns |
|---|---|---|
| `concepts.parquet` | {concepts:,} | id (code points), emoji, English name, role, Unicode group and sub-group, parent of a skin tone, culture and its source |
| `names.parquet` | {names:,} | language, concept, name, keywords (of base emoji), split |
| `languages.parquet` | {languages} | BCP-47 tag, names in English and in the language itself, script, direction, number of names, role |
| `images.parquet` | {concepts:,} | concept, image (64 × 64 WebP, quality 90) |

Roles: `base` ({base:,} emoji, the gallery in which a drawing must be recognised), `tone` ({tone}, skin tones of them), `flag`
({flag}), `extra` ({extra:,}: in the data set, in no training). A name that a locale lacks is missing here; nothing falls back to English.

## Splits

Membership is a function of SHA-256 over (language, concept), so adding rows moves none.

| split | rows | unseen in training | a success shows |
|---|---|---|---|
| `seen` | {seen:,} | nothing | fit |
| `validation` | {validation:,} | name and keywords of a base emoji in one language ({validation_share:.0%} of them) | transfer; for choosing settings |
| `pairs` | {pairs:,} | the same ({pairs_share:.0%}) | transfer; for reporting |
| `languages` | {held:,} | {held_count} whole languages: {held_out} | zero-shot transfer |
| `combinations` | {combinations:,} | in every language: {tone_share:.0%} of skin tones and five coloured shapes, images included; of {flag_share:.0%} of flags the phrase (`flag: Mali`), while the image is known under the country's word | composition |

English has no held-out pairs: it is what the bases read. A sibling language may call a held-out emoji by the very same word; that
is transfer too, and it is why languages are reported one by one.

## Culture

`culture` names a culture only where CLDR says so: a flag's region code, or a word in the emoji's own English name or keywords
(`culture_source` tells which). {cultures} emoji other than flags carry one.

## Sources and licences

{sources}

Names and keywords © Unicode, Inc. and contributors, licence Unicode-3.0. Images © Google, font Noto Color Emoji, licence OFL-1.1.
"""


def dataset_card(tables: dict[str, list[dict[str, Any]]], digest: str) -> Card:
    """What the rows say about themselves."""
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
