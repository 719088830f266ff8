"""Export the lab's trained models to `cards/`: half-precision safetensors and a card with scores for each.

    python -m trainers.lab.models.export_cards           # writes cards/bases/emoji-* and cards/encoders/emoji-*

Scores of the bases are added by `hub evaluate`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import StableDiffusion3Pipeline
from transformers import CLIPModel, CLIPTokenizer, PreTrainedTokenizerFast, XLMRobertaModel

from hub.cards import Card, write_card
from hub.conditioning import Conditioning
from hub.records import Provenance, Score
from trainers.corpora.emoji_dataset import World
from trainers.evaluation.confidence import wilson
from trainers.evaluation.evaluator import machine
from trainers.lab.models import base, cards, dit, encoder, vae
from trainers.lab.models.clip import SHAPES, make_processor, measure_recall
from trainers.lab.models.pairs import LENGTH
from trainers.lab.stage_options import CARDS, WORK
from trainers.loop.recipe import Recipe

LICENSE = "Apache-2.0"
PRICE_PER_CPU_HOUR = 0.05
"""US dollars for one core for one hour, a common list price; the card states it."""

NO_LOSSES = {"step", "seconds", "samples_per_second", "eta_seconds", "memory_bytes"}
"""Entries of a run's log besides its losses and learning rate."""


def export_dual_encoder(name: str, work: Path, target: Path, world: World) -> None:
    """Export one dual encoder with its recall over the gallery."""
    clip = CLIPModel.from_pretrained(work / name).half().float().eval()  # measure the weights as exported
    tokenizer = CLIPTokenizer.from_pretrained(work / name)
    recalls = measure_recall(clip, tokenizer, world)
    count = len(world.gallery())
    scores = [
        make_score(
            f"{way}_recall_at_{rank}",
            recalls[f"{way}_r{rank}"],
            count,
            f"python -m trainers.lab.models.clip {name}",
            world,
        )
        for way in ("text_to_image", "image_to_text")
        for rank in (1, 10)
    ]
    _empty_folder(target)
    clip.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    make_processor().save_pretrained(target)
    shape = SHAPES[name]
    costs = {"both encoders": read_cost(work / f"{name}-run", shape.recipe)}
    if shape.refine is not None:
        costs["both encoders, refined"] = read_cost(work / f"{name}-refine-run", shape.refine)
    if shape.sharpen is not None:
        costs["both encoders, sharpened"] = read_cost(work / f"{name}-sharpen-run", shape.sharpen)
    facts = cards.dual_encoder_card(name, shape, costs, count_parameters(clip))
    write_card(
        Card(kind="encoder", license=LICENSE, languages=("en",), scores=tuple(scores), tags=cards.TAGS, **facts),
        target / "README.md",
    )


def export_encoder(work: Path, target: Path, world: World) -> None:
    """Export the multilingual encoder with its cross-lingual recall in every language."""
    name = "emoji-xlmr"
    model = XLMRobertaModel.from_pretrained(work / name, add_pooling_layer=False)
    model = model.half().float().eval()  # measure the weights as exported
    tokenizer = PreTrainedTokenizerFast.from_pretrained(work / name)
    table = encoder.measure_retrieval(model, tokenizer, world)
    scores = [
        make_score(
            "recall_at_10",
            values["r10"],
            int(values["n"]),
            "python -m trainers.lab.models.export_cards",
            world,
            split=split,
            language=tag,
        )
        for tag, splits in table.items()
        for split, values in splits.items()
        if split in ("pairs", "languages")
    ]
    _empty_folder(target)
    model.half().save_pretrained(target)
    tokenizer.save_pretrained(target)
    facts = cards.encoder_card(table, world, read_cost(work / f"{name}-run", encoder.RECIPE), count_parameters(model))
    languages = tuple(world.languages)
    write_card(
        Card(kind="encoder", license=LICENSE, languages=languages, scores=tuple(scores), tags=cards.TAGS, **facts),
        target / "README.md",
    )


def export_base(work: Path, target: Path) -> None:
    """Export the complete pipeline; `hub evaluate` adds its scores."""
    unet = base.make_unet()
    pipeline = base.assemble(work, unet.from_pretrained(work / "emoji-sd/unet"))
    width = pipeline.unet.config.cross_attention_dim
    weights = {part: count_parameters(getattr(pipeline, part)) for part in ("vae", "unet", "text_encoder")}
    _empty_folder(target)
    pipeline.to(dtype=torch.float16).save_pretrained(target)
    costs = {
        "autoencoder": read_cost(work / "vae-run", vae.RECIPE),
        "denoiser": read_cost(work / "unet-run", base.RECIPE),
        "denoiser, refined": read_cost(work / "unet-refine-run", base.REFINE),
    }
    facts = cards.base_card(costs, weights)
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


def export_dit(work: Path, target: Path) -> None:
    """Export the complete pipeline of `emoji-dit`; `hub evaluate` adds its scores."""
    pipeline = StableDiffusion3Pipeline.from_pretrained(
        work / "emoji-dit", torch_dtype=torch.float16, text_encoder_3=None, tokenizer_3=None
    )
    parts = ("transformer", "text_encoder", "text_encoder_2", "vae")
    weights = {part: count_parameters(getattr(pipeline, part)) for part in parts}
    config = pipeline.transformer.config
    sizes = {"layers": config.num_layers, "width": config.caption_projection_dim, "patch": config.patch_size}
    _empty_folder(target)
    shutil.copytree(work / "emoji-dit", target, dirs_exist_ok=True)
    card = Card(
        kind="base",
        license=LICENSE,
        languages=("en",),
        conditioning=Conditioning(width=config.joint_attention_dim, pooled_width=config.pooled_projection_dim),
        tags=(*cards.TAGS, "stable-diffusion-3"),
        **cards.dit_card(read_cost(work / "dit-run", dit.RECIPE), weights | sizes),
    )
    write_card(card, target / "README.md")


def make_score(
    metric: str, value: float, count: int, command: str, world: World, *, split: str = "seen", language: str = "en"
) -> Score:
    """Return the score for a share of `count` cases, with its interval."""
    interval = wilson(round(value * count), count)
    return Score(
        metric=metric,
        value=round(value, 4),
        benchmark="emoji-retrieval",
        provenance=Provenance.SELF_REPORTED,
        source=f"{command}; {machine()}",
        split=split,
        language=language,
        sample_size=count,
        low=round(interval.low, 4),
        high=round(interval.high, 4),
        benchmark_digest=world.digest,
    )


def read_cost(run: Path, recipe: Recipe) -> cards.StageCost:
    """Read the cost of a run from its log."""
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    hours = last["seconds"] / 3600
    return cards.StageCost(
        recipe,
        last["seconds"],
        hours * PRICE_PER_CPU_HOUR,
        {k: v for k, v in last.items() if k not in NO_LOSSES},
    )


def count_parameters(module: torch.nn.Module) -> int:
    """Return the number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def _empty_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def main() -> None:
    """Export the named models, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", default=["emoji-clip", "emoji-judge", "emoji-xlmr", "emoji-sd", "emoji-dit"]
    )
    parser.add_argument("--work", type=Path, default=WORK, help="folder of runs and weights")
    parser.add_argument("--cards", type=Path, default=CARDS, help="output folder for the repositories")
    arguments = parser.parse_args()
    world = World()
    for name in arguments.names:
        if name in SHAPES:
            export_dual_encoder(name, arguments.work, arguments.cards / "encoders" / name, world)
        elif name == "emoji-xlmr":
            export_encoder(arguments.work, arguments.cards / "encoders" / name, world)
        elif name == "emoji-dit":
            export_dit(arguments.work, arguments.cards / "bases" / name)
        else:
            export_base(arguments.work, arguments.cards / "bases" / name)
        print(f"{name}: written below {arguments.cards}")


if __name__ == "__main__":
    main()
