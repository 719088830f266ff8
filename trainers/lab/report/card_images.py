"""Generate the example images of cards: the same prompts and seeds on the base alone and with the module.

    python -m trainers.lab.report.card_images memory-yo memory-many mulan-yo pea-many mulan-yo-dit

Writes `images/*.webp` into the folders of these adapters in `cards/`, and lists them in the cards as `widget`, as galleries on the Hugging
Face Hub do. Prompts were chosen before any image was generated: SHOWN, and the first names of the split `pairs` in the benchmark's
order. A module for several languages draws each prompt in another one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from diffusers.utils import logging
from PIL import Image

from hub import load_pipeline
from hub.cards.front_matter import split_front_matter
from hub.cards.read_card import read_card
from hub.cards.yaml_values import write_yaml
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.registry import CURATED_OWNER
from trainers.corpora.corpus import Prompt
from trainers.corpora.emoji import EmojiCorpus
from trainers.evaluation.generation import GUIDANCE, STEPS, generate_images
from trainers.lab.stage_options import CARDS
from trainers.samples.generate_samples import to_pil

SHOWN = ("2764", "1f418", "1f697", "1f3e0")
"""Concepts whose names were seen in training: red heart, elephant, automobile, house …"""
HELD_OUT = 2
"""… and this number of held-out names."""
SEED = 0
QUALITY = 90
"""Of WebP: an image of 64 × 64 pixels takes about 1.2 kB."""
FOLDER = "images"


def choose_prompts(corpus: EmojiCorpus, languages: Sequence[str]) -> Iterator[tuple[Prompt, str]]:
    """Yield the prompts, each with its split, alternating the languages."""
    turns = cycle(languages)
    for concept, tag in zip(SHOWN, islice(turns, len(SHOWN)), strict=True):
        named = {prompt.concept: prompt for prompt in corpus.prompts(tag, "seen")}
        # A name that is held out in this language is replaced by the first one that is not.
        yield named.get(concept) or next(iter(named.values())), "seen"
    held_out = {tag: iter(corpus.prompts(tag, "pairs")) for tag in languages}
    for tag in islice(turns, HELD_OUT):
        yield next(held_out[tag]), "pairs"


def draw(folder: Path, corpus: EmojiCorpus, hub: LocalHub) -> list[dict[str, Any]]:
    """Write the images of one adapter. Return the entries of its `widget`."""
    card = read_card(folder, ArtifactName(CURATED_OWNER, folder.name))
    base = card.bases[0]
    chosen = list(dict.fromkeys(choose_prompts(corpus, card.languages)))
    prompts = [prompt for prompt, _ in chosen]
    images = to_pil(generate_images(load_pipeline(base, adapter=folder, hub=hub), prompts, seed=SEED, quiet=True))
    alone = to_pil(generate_images(load_pipeline(base, hub=hub), prompts, seed=SEED, quiet=True))
    (folder / FOLDER).mkdir(exist_ok=True)
    return [
        {
            "text": prompt.text,
            "language": prompt.language,
            "example_title": prompt.meaning
            + (", a name that was not in the training data" if split == "pairs" else ""),
            "output": {"url": save(image, folder, f"{prompt.language}-{prompt.concept}")},
            "without": {"url": save(without, folder, f"{prompt.language}-{prompt.concept}-base")},
            "parameters": {"seed": SEED, "num_inference_steps": STEPS, "guidance_scale": GUIDANCE},
        }
        for (prompt, split), image, without in zip(chosen, images, alone, strict=True)
    ]


def save(image: Image.Image, folder: Path, name: str) -> str:
    """Save an image in the folder of an adapter. Return its path below that folder."""
    path = f"{FOLDER}/{name}.webp"
    image.save(folder / path, quality=QUALITY, method=6)
    return path


def main() -> None:
    """Draw the images of the named adapters and write them into their cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", nargs="+", help="names of adapters in the folder of cards")
    parser.add_argument("--cards", type=Path, default=CARDS, help="folder of cards")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    corpus = EmojiCorpus()
    with LocalHub.open() as hub:
        for name in arguments.adapters:
            folder: Path = arguments.cards / "adapters" / name
            widget = draw(folder, corpus, hub)
            front_matter, prose = split_front_matter((folder / "README.md").read_text(encoding="utf-8"))
            text = f"---\n{write_yaml(front_matter | {'widget': widget})}\n---\n\n{prose.strip()}\n"
            (folder / "README.md").write_text(text, encoding="utf-8")
            print(folder / FOLDER)


if __name__ == "__main__":
    main()
