"""What every method of the lab reaches, from the cards in `cards/adapters`: `docs/train/methods.md`.

python -m trainers.lab.report.report > docs/train/methods.md
"""

from __future__ import annotations

import re
from pathlib import Path
from statistics import mean

from hub.cards import Card, read_card
from hub.names import ArtifactName
from hub.records import Provenance
from trainers.lab.stage import CARDS

HEAD = """# Methods on the lab

Made by `python -m trainers.lab.report.report > docs/train/methods.md` from the cards in `cards/adapters`, which have every figure with its
interval, sample size, seed and command. Lab numbers are small-scale numbers: they compare methods under equal conditions and say nothing
of models of the usual size. One seed each, no method tuned beyond its recipe; sample sizes are small (32 prompts a language and split
unless the card says otherwise, so a standard error of up to .09 a language). Means over the languages the module was made for.

| module | method | languages | seen R@1 / R@10 | held-out R@1 / R@10 | English R@1 lost | weights learnt | device-seconds | sheet |
|---|---|---|---|---|---|---|---|---|"""
FOOT = """
R@k: share of images whose right English name is among the k nearest of 1,176 in the eyes of `emoji-judge`; for `mclip` and `mclip+`,
which find images and draw none, text → image recall. *English R@1 lost*: on the base's own English prompts less through the module.
`mulan` has read English only: its *seen* names are English, its *held-out* ones those of the five languages. Raw prompts on the base
alone reach R@1 .00 to .02. Device-seconds are on one CPU thread beside other jobs.

Sheets: the same ten emoji asked for in five languages, `python -m trainers.lab.report.sheets`;
[the base alone](../images/methods/base-alone.webp)."""


def row(card: Card, name: str) -> str | None:
    """One line of the table; None for a card without figures of ours."""
    own = [
        score
        for score in card.scores
        if score.provenance is Provenance.MEASURED and (score.language in card.languages or card.languages == ("mul",))
    ]
    metric = "text_to_image_recall" if any(each.metric.startswith("text_to_image") for each in own) else "r_precision"

    def average(split: str, rank: int) -> str:
        values = [each.value for each in own if each.split == split and each.metric == f"{metric}_at_{rank}"]
        return f"{mean(values):.2f}" if values else "–"

    if not own:
        return None
    drops = [each.value for each in card.scores if each.metric == "english_drop_at_1"]
    weights, seconds = (_said(card.prose, pattern) for pattern in (r"([\d.,]+M?) weights", r"([\d,]+) device-seconds"))
    drawn = Path("docs/images/methods") / f"{card.method.replace('+', '-plus')}.webp"
    sheet = f"[look](../images/methods/{drawn.name})" if drawn.is_file() else ""
    return (
        f"| `{name}` | {card.method} | {' '.join(card.languages)} | {average('seen', 1)} / {average('seen', 10)} "
        f"| {average('pairs', 1)} / {average('pairs', 10)} | {f'{drops[0]:.2f}' if drops else '–'} "
        f"| {weights} | {seconds} | {sheet} |"
    )


def _said(prose: str, pattern: str) -> str:
    found = re.search(pattern, prose)
    return found[1] if found else "–"


def main() -> None:
    """Print the page."""
    print(HEAD)
    for folder in sorted((CARDS / "adapters").iterdir()):
        line = row(read_card(folder, ArtifactName("linguahub", folder.name)), folder.name)
        if line is not None:
            print(line)
    print(FOOT)


if __name__ == "__main__":
    main()
