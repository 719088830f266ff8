"""Create one contact sheet per method: the same emoji, prompted in five languages.

    python -m trainers.lab.report.contact_sheets build/modules/pea-many/pea-many build/modules/mclip-many/mclip-many
    python -m trainers.lab.report.contact_sheets --base-alone cards/adapters/mulan-{yo,sw,hi,zh,ar}      # one sheet: one method
    python -m trainers.lab.report.contact_sheets --zero-shot build/modules/memory-many/memory-many       # ten languages, most unseen

Writes `docs/images/methods/<method>.webp`, or `<method>-languages.webp` with `--zero-shot`. Generating methods show the generated images,
retrieving ones the first image they find.
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
from hub.languages import language_name
from hub.local import LocalHub
from trainers.corpora.corpus import Prompt
from trainers.corpora.emoji import EmojiCorpus
from trainers.evaluation.generation import generate_images
from trainers.lab.report.sheet_title import add_title
from trainers.samples.generate_samples import to_pil

LANGUAGES = ("yo", "sw", "hi", "zh", "ar")
SHOWN = ("2764", "1f418", "1f34c", "1f697", "1f419", "1f3e0", "1f600", "1f33b", "2615", "1f41f")
"""Concepts: red heart, elephant, banana, automobile, octopus, house, grinning face, sunflower, hot beverage, fish."""
TEN = ("yo", "sw", "ha", "am", "zu", "hi", "th", "zh", "ar", "fr")
"""Languages of the sheet of a zero-shot module, trained on or not."""
EIGHT = SHOWN[:8]
OUT = Path("docs/images/methods")
ImageSource = Callable[[Sequence[Prompt]], Tensor]
"""A function from N prompts to N images, (N, 3, H, W) in 0…1."""


def generating_source(base: str, adapters: Sequence[Path], hub: LocalHub) -> ImageSource:
    """Return a source that generates images with the module for the prompts' language, or with the base alone."""
    pipelines = {
        tag: load_pipeline(base, adapter=folder, hub=hub) for folder in adapters for tag in module_languages(folder)
    }
    alone = None if pipelines else load_pipeline(base, hub=hub)

    def generate(prompts: Sequence[Prompt]) -> Tensor:
        first = next(iter(pipelines.values()), alone)
        return generate_images(pipelines.get(prompts[0].language, first), prompts, seed=0, quiet=True)

    return generate


def retrieving_source(base: str, adapter: Path, corpus: EmojiCorpus, hub: LocalHub) -> ImageSource:
    """Return a source that retrieves the nearest image of the gallery for each prompt."""
    retriever = load_retriever(base, adapter=adapter, hub=hub)
    gallery = corpus.images([prompt.concept for prompt in corpus.gallery("seen")])
    retriever.index(gallery)

    def retrieve(prompts: Sequence[Prompt]) -> Tensor:
        indices = [int(retriever.search(prompt.text, 1)[0].key) for prompt in prompts]
        return gallery[torch.tensor(indices)].float() / 255

    return retrieve


def make_sheet(source: ImageSource, corpus: EmojiCorpus, title: str, caption: str) -> Image.Image:
    """Return a sheet with a row of real emoji and one row per language."""
    meanings = {prompt.concept: prompt.meaning for prompt in corpus.gallery("seen")}
    rows = [SheetRow("real emoji", to_pil(corpus.images(SHOWN).float() / 255))]
    for tag in LANGUAGES:
        prompts = {prompt.concept: prompt for prompt in corpus.prompts(tag, "seen")}
        seen = [concept for concept in SHOWN if concept in prompts]
        images = dict(zip(seen, to_pil(source([prompts[concept] for concept in seen])), strict=True))
        blank = Image.new("RGB", (64, 64), "white")
        held_out = len(SHOWN) - len(seen)
        note = f" ({held_out} not shown: held out in this language)" if held_out else ""
        rows.append(SheetRow(tag + note, [images.get(concept, blank) for concept in SHOWN]))
    return add_title(contact_sheet(rows, [meanings[concept] for concept in SHOWN]), title, caption)


def make_language_sheet(source: ImageSource, corpus: EmojiCorpus, trained: Sequence[str], title: str) -> Image.Image:
    """Return a sheet of eight emoji in ten languages, with the prompts below the images; `trained` are the module's languages."""
    meanings = {prompt.concept: prompt.meaning for prompt in corpus.gallery("seen")}
    rows = [SheetRow("real emoji", to_pil(corpus.images(EIGHT).float() / 255))]
    for tag in TEN:
        names = {prompt.concept: prompt for split in corpus.base_splits for prompt in corpus.prompts(tag, split)}
        prompts = [names[concept] for concept in EIGHT]
        label = language_name(tag) + ("" if tag in trained else "\nnever seen")
        rows.append(SheetRow(label, to_pil(source(prompts)), [prompt.text for prompt in prompts]))
    caption = "One image per prompt, seed 0; guidance 2.5, 20 steps"
    return add_title(contact_sheet(rows, [meanings[concept] for concept in EIGHT]), title, caption)


def module_languages(folder: Path) -> list[str]:
    """Return the languages a module was trained for; all `LANGUAGES` for a module tagged `mul`."""
    tags: list[str] = read_config(folder)["languages"]
    return list(LANGUAGES) if tags == ["mul"] else tags


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config.json of an artifact's only variant."""
    (path,) = folder.glob("*/config.json")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return config


def main() -> None:
    """Write one sheet per method of the named artifacts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="*", type=Path, help="folders of trained artifacts")
    parser.add_argument("--base-alone", action="store_true", help="also write a sheet of the base without a module")
    parser.add_argument("--zero-shot", action="store_true", help="write sheets of ten languages instead")
    arguments = parser.parse_args()
    logging.set_verbosity_error()  # the base alone truncates long prompts and would warn about each of them
    logging.disable_progress_bar()
    corpus = EmojiCorpus()
    OUT.mkdir(parents=True, exist_ok=True)
    with LocalHub.open() as hub:
        jobs: list[tuple[str, ImageSource, str]] = []
        if arguments.base_alone:
            jobs.append(("base-alone", generating_source("emoji-sd", (), hub), "emoji-sd without a module"))
        methods: dict[str, list[Path]] = {}
        for folder in arguments.artifacts:
            methods.setdefault(read_config(folder)["method"], []).append(folder)
        for method, folders in methods.items():
            config = read_config(folders[0])
            base = config["base"]["name"].rpartition("/")[2]
            if config["architecture"] == "triangle":
                source = retrieving_source(base, folders[0], corpus, hub)
            else:
                source = generating_source(base, folders, hub)
            jobs.append((method, source, f"{method} on {base}"))
        for name, source, title in jobs:
            path = OUT / f"{name.replace('+', '-plus')}{'-languages' * arguments.zero_shot}.webp"
            if arguments.zero_shot:
                trained = [tag for folder in methods[name] for tag in module_languages(folder)]
                sheet = make_language_sheet(source, corpus, trained, title)
            else:
                sheet = make_sheet(source, corpus, title, "Seen names, seed 0, one sample each; guidance 2.5, 20 steps")
            sheet.save(path, quality=80)
            print(path)


if __name__ == "__main__":
    main()
