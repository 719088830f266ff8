"""One contact sheet a method: the same emoji asked for in five languages, and what comes of it.

    python -m trainers.lab.report.sheets build/modules/pea-many/pea-many build/modules/mclip-many/mclip-many
    python -m trainers.lab.report.sheets --base-alone cards/adapters/mulan-{yo,sw,hi,zh,ar}      # one sheet: they are one method

Writes `docs/images/methods/<method>.webp`. A method that draws is asked to draw; a retriever shows the image it finds first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.utils import logging
from PIL import Image
from torch import Tensor

from hub import load_pipeline, load_retriever
from hub.images.contact_sheet import SheetRow, contact_sheet
from hub.local import LocalHub
from trainers.corpora.corpus import Prompt
from trainers.corpora.emoji import EmojiCorpus
from trainers.evaluation.generation import generate_images
from trainers.lab.report.figure import add_title
from trainers.samples.draw import to_pil

LANGUAGES = ("yo", "sw", "hi", "zh", "ar")
SHOWN = ("2764", "1f418", "1f34c", "1f697", "1f419", "1f3e0", "1f600", "1f33b", "2615", "1f41f")
"""Concepts: red heart, elephant, banana, automobile, octopus, house, grinning face, sunflower, hot beverage, fish."""
OUT = Path("docs/images/methods")
Draw = Callable[[Sequence[Prompt]], Tensor]
"""Prompts to images, (N, 3, H, W) in 0…1."""


def drawing(base: str, adapters: Sequence[Path], hub: LocalHub) -> Draw:
    """Draws through the module that was made for the prompts' language, or with the base alone."""
    pipelines = {
        tag: load_pipeline(base, adapter=folder, hub=hub) for folder in adapters for tag in languages_of(folder)
    }
    alone = None if pipelines else load_pipeline(base, hub=hub)

    def ask(prompts: Sequence[Prompt]) -> Tensor:
        return generate_images(alone or pipelines[prompts[0].language], prompts, seed=0, quiet=True)

    return ask


def finding(base: str, adapter: Path, corpus: EmojiCorpus, hub: LocalHub) -> Draw:
    """Finds the nearest image among all of the gallery."""
    retriever = load_retriever(base, adapter=adapter, hub=hub)
    gallery = corpus.images([prompt.concept for prompt in corpus.gallery("seen")])
    retriever.index(gallery)

    def ask(prompts: Sequence[Prompt]) -> Tensor:
        places = [int(retriever.search(prompt.text, 1)[0].key) for prompt in prompts]
        return gallery[torch.tensor(places)].float() / 255

    return ask


def sheet(ask: Draw, corpus: EmojiCorpus, title: str, caption: str) -> Image.Image:
    """A row for each language under one of real emoji."""
    meanings = {prompt.concept: prompt.meaning for prompt in corpus.gallery("seen")}
    rows = [SheetRow("real emoji", to_pil(corpus.images(SHOWN).float() / 255))]
    for tag in LANGUAGES:
        said = {prompt.concept: prompt for prompt in corpus.prompts(tag, "seen")}
        there = [concept for concept in SHOWN if concept in said]
        drawn = dict(zip(there, to_pil(ask([said[concept] for concept in there])), strict=True))
        blank = Image.new("RGB", (64, 64), "white")
        held_out = len(SHOWN) - len(there)
        note = f" ({held_out} left out: held out in this language)" if held_out else ""
        rows.append(SheetRow(tag + note, [drawn.get(concept, blank) for concept in SHOWN]))
    return add_title(contact_sheet(rows, [meanings[concept] for concept in SHOWN]), title, caption)


def languages_of(folder: Path) -> list[str]:
    """Tags it was made for; all of the sheet's when it was made for none in particular."""
    tags: list[str] = config_of(folder)["languages"]
    return list(LANGUAGES) if tags == ["mul"] else tags


def config_of(folder: Path) -> dict[str, Any]:
    """config.json of an artifact's only variant."""
    (path,) = folder.glob("*/config.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Write the sheet of each artifact named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="*", type=Path, help="folders of trained artifacts")
    parser.add_argument("--base-alone", action="store_true", help="also what the base draws of the same prompts")
    arguments = parser.parse_args()
    logging.set_verbosity_error()  # the base alone cuts long prompts, and says so for each of them
    logging.disable_progress_bar()
    corpus = EmojiCorpus()
    OUT.mkdir(parents=True, exist_ok=True)
    with LocalHub.open() as hub:
        jobs: list[tuple[str, Draw, str]] = []
        if arguments.base_alone:
            jobs.append(("base-alone", drawing("emoji-sd", (), hub), "emoji-sd without a module"))
        methods: dict[str, list[Path]] = {}
        for folder in arguments.artifacts:
            methods.setdefault(config_of(folder)["method"], []).append(folder)
        for method, folders in methods.items():
            config = config_of(folders[0])
            base = config["base"]["name"].rpartition("/")[2]
            finds = config["architecture"] == "triangle"
            ask = finding(base, folders[0], corpus, hub) if finds else drawing(base, folders, hub)
            jobs.append((method, ask, f"{method} on {base}"))
        for name, ask, title in jobs:
            path = OUT / f"{name.replace('+', '-plus')}.webp"
            sheet(ask, corpus, title, "Seen names, seed 0, one draw each; guidance 2.5, 20 steps").save(
                path, quality=80
            )
            print(path)


if __name__ == "__main__":
    main()
