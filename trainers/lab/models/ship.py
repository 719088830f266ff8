"""Bring the lab's trained models into `cards/`: half precision, safetensors, a card each, with what was measured.

    python -m trainers.lab.models.ship           # writes cards/bases/emoji-sd and cards/encoders/emoji-*

Scores of the base and the encoder come from the same benchmarks as everybody else's: `hub evaluate`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import CLIPModel, CLIPTokenizer, PreTrainedTokenizerFast, XLMRobertaModel

from hub.cards import Card, write_card
from hub.records import Conditioning, Provenance, Score
from trainers.corpora.emoji_dataset import World
from trainers.evaluation.confidence import wilson
from trainers.evaluation.evaluator import machine
from trainers.lab.models import base, cards, encoder, vae
from trainers.lab.models.clip import SHAPES, processor, recall_of
from trainers.lab.models.pairs import LENGTH
from trainers.lab.stage import CARDS, WORK
from trainers.loop.recipe import Recipe

LICENSE = "Apache-2.0"
PRICE_PER_CPU_HOUR = 0.05
"""US dollars for one core for one hour, a usual list price; the card says what it assumed."""


def ship_pair(name: str, work: Path, target: Path, world: World) -> None:
    """One dual encoder with its recall over the gallery."""
    clip = CLIPModel.from_pretrained(work / name).half().float().eval()  # what is measured are the weights that ship
    tokenizer = CLIPTokenizer.from_pretrained(work / name)
    recalls = recall_of(clip, tokenizer, world)
    count = len(world.gallery())
    scores = [
        measured(
            f"{way}_recall_at_{rank}",
            recalls[f"{way}_r{rank}"],
            count,
            f"python -m trainers.lab.models.clip {name}",
            world,
        )
        for way in ("text_to_image", "image_to_text")
        for rank in (1, 10)
    ]
    _fresh(target)
    clip.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    processor().save_pretrained(target)
    shape = SHAPES[name]
    spent = {"both towers": cost(work / f"{name}-run", shape.recipe)}
    if shape.refine is not None:
        spent["both towers, refined"] = cost(work / f"{name}-refine-run", shape.refine)
    if shape.sharpen is not None:
        spent["both towers, sharpened"] = cost(work / f"{name}-sharpen-run", shape.sharpen)
    facts = cards.pair(name, shape, spent, parameters(clip))
    write_card(
        Card(kind="encoder", license=LICENSE, languages=("en",), scores=tuple(scores), tags=cards.TAGS, **facts),
        target / "README.md",
    )


def ship_encoder(work: Path, target: Path, world: World) -> None:
    """The multilingual encoder with its cross-lingual recall in every language."""
    name = "emoji-xlmr"
    model = XLMRobertaModel.from_pretrained(work / name, add_pooling_layer=False)
    model = model.half().float().eval()  # what is measured are the weights that ship
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / name)
    table = encoder.retrieval(model, tokenizer, world)
    scores = [
        measured(
            "recall_at_10",
            values["r10"],
            int(values["n"]),
            "python -m trainers.lab.models.ship",
            world,
            split=split,
            language=tag,
        )
        for tag, splits in table.items()
        for split, values in splits.items()
        if split in ("pairs", "languages")
    ]
    _fresh(target)
    model.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    facts = cards.multilingual(table, world, cost(work / f"{name}-run", encoder.RECIPE), parameters(model))
    languages = tuple(world.languages)
    write_card(
        Card(kind="encoder", license=LICENSE, languages=languages, scores=tuple(scores), tags=cards.TAGS, **facts),
        target / "README.md",
    )


def ship_base(work: Path, target: Path) -> None:
    """The whole pipeline; its scores are added by `hub evaluate`."""
    unet = base.make_unet()
    pipeline = base.assemble(work, unet.from_pretrained(work / "emoji-sd/unet"))
    width = pipeline.unet.config.cross_attention_dim
    weights = {part: parameters(getattr(pipeline, part)) for part in ("vae", "unet", "text_encoder")}
    _fresh(target)
    pipeline.to(dtype=torch.float16).save_pretrained(target)
    spent = {
        "autoencoder": cost(work / "vae-run", vae.RECIPE),
        "denoiser": cost(work / "unet-run", base.RECIPE),
        "denoiser, refined": cost(work / "unet-refine-run", base.REFINE),
    }
    facts = cards.base(spent, weights)
    conditioning = Conditioning(width=width, length=LENGTH)
    card = Card(
        kind="base",
        license=LICENSE,
        languages=("en",),
        conditioning=conditioning,
        tags=cards.TAGS,
        encoder="emoji-clip",
        **facts,
    )
    write_card(card, target / "README.md")


def measured(
    metric: str, value: float, count: int, command: str, world: World, *, split: str = "seen", language: str = "en"
) -> Score:
    """A share of `count` cases with its interval."""
    interval = wilson(round(value * count), count)
    return Score(
        metric=metric,
        value=round(value, 4),
        benchmark="emoji-retrieval",
        provenance=Provenance.MEASURED,
        source=f"{command}; {machine()}",
        split=split,
        language=language,
        sample_size=count,
        low=round(interval.low, 4),
        high=round(interval.high, 4),
        benchmark_digest=world.digest,
    )


def cost(run: Path, recipe: Recipe) -> cards.StageCost:
    """What a run took, from its own log."""
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    hours = last["seconds"] / 3600
    return cards.StageCost(
        recipe,
        last["seconds"],
        hours * PRICE_PER_CPU_HOUR,
        {k: v for k, v in last.items() if k not in ("step", "seconds")},
    )


def parameters(module: torch.nn.Module) -> int:
    """How many numbers a module holds."""
    return sum(parameter.numel() for parameter in module.parameters())


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def main() -> None:
    """Ship what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["emoji-clip", "emoji-judge", "emoji-xlmr", "emoji-sd"])
    parser.add_argument("--work", type=Path, default=WORK, help="where runs and weights are kept")
    parser.add_argument("--cards", type=Path, default=CARDS, help="where repositories are written to")
    arguments = parser.parse_args()
    world = World()
    for name in arguments.names:
        if name in SHAPES:
            ship_pair(name, arguments.work, arguments.cards / "encoders" / name, world)
        elif name == "emoji-xlmr":
            ship_encoder(arguments.work, arguments.cards / "encoders" / name, world)
        else:
            ship_base(arguments.work, arguments.cards / "bases" / name)
        print(f"{name}: written below {arguments.cards}")


if __name__ == "__main__":
    main()
