"""Generate the strip of images that a contact sheet shows of a subject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from PIL import Image

from trainers.evaluation.generation import generate_images
from trainers.lab.study.cells import Cell
from trainers.lab.study.measures.prompts import Prompts
from trainers.lab.study.opened import Opened
from trainers.samples.generate_samples import to_pil


def draw_strip(cell: Cell, opened: Opened, prompts: Prompts, path: Path) -> dict[str, Any]:
    """Save the images of the shown concepts side by side to a PNG file, by 20 steps, and return the prompts and how they were read."""
    shown = prompts.shown(cell.language)
    read = opened.read(shown, cell.language) if opened.subject.reads else shown
    pipeline = opened.plain if opened.subject.reads else opened.pipeline(cell.language)
    images = to_pil(generate_images(pipeline, read, seed=cell.seed, quiet=True))
    side = images[0].width
    strip = Image.new("RGB", (side * len(images), side))
    for place, image in enumerate(images):
        strip.paste(image, (place * side, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    strip.save(unfinished, format="PNG")
    unfinished.replace(path)
    return {
        "concepts": [each.concept for each in shown],
        "texts": [each.text for each in shown],
        "meanings": [each.meaning for each in shown],
        "read": [each.text for each in read],
        "side": side,
        "torch": torch.__version__.partition("+")[0],
    }
