"""Work folders of the study with invented cells: as many prompts as requested, with hits that depend on the subject's name."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from trainers.lab.study.cells import Cell, Result, WorkFolder
from trainers.lab.study.measures.prompts import GENDERS, SHOWN, TONES
from trainers.lab.study.plan import Planned, Settings

METRICS = [f"{way}_recall_at_{k}" for way in ("text_to_image", "image_to_text") for k in (1, 5, 10)]


def invented_folder(
    folder: Path, plan: Sequence[Planned], settings: Settings, is_there: Callable[[Cell], bool] = lambda _: True
) -> WorkFolder:
    """Fill a work folder with invented results of those cells of a plan that are there."""
    work = WorkFolder(folder)
    work.start(settings.as_json() | {"corpus": "invented"})
    for planned in plan:
        if is_there(planned.cell):
            work.write(Result(planned.cell, 1.5, invented(planned.cell), "invented"))
            if planned.cell.kind == "sheet":
                Image.new("RGB", (8 * len(SHOWN), 8), "grey").save(work.path(planned.cell).with_suffix(".png"))
    return work


def invented(cell: Cell) -> dict[str, Any]:
    """Return the result of a cell."""
    quality = {"english": 0.9, "base": 0.1, "memory-many": 0.6}.get(
        cell.subject, random.Random(cell.subject).uniform(0.1, 0.8)
    )
    chance = random.Random(cell.key)
    match cell.kind:
        case "train":
            return {
                "bytes": 2**20,
                "parameters": 1000,
                "train_cpu_seconds": chance.uniform(20, 900),
                "phases": {"distil": 8},
            }
        case "draw":
            concepts = [f"{person}-{tone}" for group in GENDERS for person in group for tone in TONES]
            if cell.split != "people":
                concepts = [f"c{place}" for place in range(cell.count or 30)]
            ranks = [0 if chance.random() < quality else 12 for _ in concepts]
            found: dict[str, Any] = {
                "concepts": concepts,
                "ranks": ranks,
                "cosines": [quality] * len(ranks),
                "steps": 8,
            }
            found["read"] = [int(rank == 0) for rank in ranks]
            if cell.split == "people":
                found |= {"tone_right": found["read"], "gender_right": found["read"]}
            return found
        case "text":
            return {f"recall_at_{k}": [quality, quality - 0.05, quality + 0.05, 90] for k in (1, 5, 10)} | {
                "read": [1, 0]
            }
        case "retrieve":
            return {metric: [quality, quality - 0.05, quality + 0.05, 90] for metric in METRICS}
        case "fid":
            return {"images": 640, "features": 128, "fid": 20 - 10 * quality, "floor": 5.0}
        case "latency":
            ways = (
                "text_to_embedding",
                "text_to_image_8_steps",
                "text_to_image_20_steps",
                "text_to_image_retrieval",
                "image_to_text_retrieval",
            )
            return {f"{way}_ms": chance.uniform(1, 9) for way in ways}
        case _:
            texts = [f"name {place}" for place in range(len(SHOWN))]
            return {"concepts": list(SHOWN), "texts": texts, "meanings": texts, "read": texts, "side": 8}
