"""A second hub that plays huggingface.co: small random models under the published names, with the published files and layouts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import allow_unsafe_files
from tests.builders import ROOT
from tests.builders.models.internvl import WIDTH as ENCODER
from tests.builders.models.internvl import save_internvl
from tests.builders.models.originals import INNER, POOLED, SECOND, WIDTH, save_original
from tests.builders.models.published_files import Shapes, linear, mulan, mulan_xl, random

SETUP = Actor("root")
BASES = {
    "sd15": ("sd15", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    "sd21": ("sd21", "stabilityai/stable-diffusion-2-1"),
    "sdxl": ("sdxl", "stabilityai/stable-diffusion-xl-base-1.0"),
    "pixart-alpha": ("pixart", "PixArt-alpha/PixArt-XL-2-1024-MS"),
}
"""Base → how it is built small, and its repository."""
QUERIES = 6


def _xl() -> Shapes:
    shapes = mulan_xl(attends=True, embeds=False, first=SECOND, second=WIDTH, out=POOLED, queries=QUERIES)
    return shapes | {f"adapter{n}.proj.0.weight": (width, ENCODER) for n, width in ((1, SECOND), (2, WIDTH))}


MULAN = {
    "sd15_base.pth": mulan(WIDTH, ENCODER, QUERIES),
    "sd15_aesthetic.pth": mulan(WIDTH, ENCODER, QUERIES),
    "sd21_base.pth": mulan(SECOND, ENCODER, QUERIES),
    "sd21_aesthetic.pth": mulan(SECOND, ENCODER, QUERIES),
    "sdxl_aesthetic.pth": _xl(),
    "pixart.pth": linear("linear_1", INNER, ENCODER) | linear("linear_2", INNER, INNER),
}
"""The files of `mulanai/mulan-lang-adapter`."""


def publish(hub: LocalHub, repository: str, content: Path, *, card: str = "", unsafe: bool = False) -> None:
    """Upload a folder as a plain repository, with the front matter `card`."""
    name = ArtifactName.parse(repository, "")
    create(name, hub.registry, hub.store, SETUP)
    if unsafe:
        allow_unsafe_files(hub.registry.database, name, True, SETUP)
    files = {path.relative_to(content).as_posix(): path.read_bytes() for path in content.rglob("*") if path.is_file()}
    if card:
        files["README.md"] = f"---\n{card}\n---\n\nA model.\n".encode()
    changes = [File(path, *hub.store.put(raw)) for path, raw in files.items()]
    commit(hub.registry.get(name), changes, hub.registry, hub.store, SETUP, message="Upload")


def fill(hub: LocalHub, scratch: Path, tokenizer: Path, *, mulan_files: Mapping[str, Shapes] = MULAN) -> None:
    """Publish the bases, InternVL and MuLan's adapters."""
    for base, (made, repository) in BASES.items():
        publish(hub, repository, save_original(made, scratch / base, tokenizer))
    publish(hub, "OpenGVLab/InternVL-14B-224px", save_internvl(scratch / "internvl"))
    adapters = scratch / "mulan"
    adapters.mkdir()
    for file, shapes in mulan_files.items():
        torch.save(random(shapes), adapters / file)
    publish(hub, "mulanai/mulan-lang-adapter", adapters, unsafe=True)


def copy_cards(to: Path) -> Path:
    """Copy the curated cards of these bases and of MuLan. Pinned commits, sizes and widths are those of the small files instead."""
    widths = {"sd15": WIDTH, "sd21": SECOND, "sdxl": WIDTH + SECOND, "pixart-alpha": INNER}
    for shelf, name in (
        *(("bases", each) for each in BASES), ("encoders", "internvl-14b-text"), ("adapters", "mulan-yo"),
        *(("adapters", path.name) for path in sorted((ROOT / "cards" / "adapters").glob("mulan-*-*"))),
        ("adapters", "mulan-pixart"),
    ):  # fmt: skip
        shutil.copytree(ROOT / "cards" / shelf / name, to / shelf / name)
        card = to / shelf / name / "README.md"
        text = re.sub(r"^    (size_bytes: .*\n)", "", card.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^    revision: [0-9a-f]{40}$", "    revision: main", text, flags=re.MULTILINE)
        if name in widths:
            text = re.sub(r"^    width: \d+$", f"    width: {widths[name]}", text, flags=re.MULTILINE)
            text = re.sub(r"^    pooled_width: \d+$", f"    pooled_width: {POOLED}", text, flags=re.MULTILINE)
        card.write_text(text)
    return to


def open_home(folder: Path, cards: Path) -> LocalHub:
    """Open an installation with these cards."""
    return LocalHub.open(Home(folder / "registry.db", folder, cards, "ada"))


def write_index(folder: Path, pipeline_class: str) -> Path:
    """Write the model_index.json of a pipeline of a class."""
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline_class}))
    return folder
