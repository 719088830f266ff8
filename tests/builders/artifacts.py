"""Build cards, scores and folders that can be published."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from hub.cards import Card, write_card
from hub.records import Provenance, Score

BASE_DIGEST = "b" * 64
ENCODER_DIGEST = "e" * 64


def a_score(value: float = 0.5, **changes: Any) -> Score:
    """Return a score of a Yoruba module on the lab's base, as its card says that it was measured."""
    score = Score(
        metric="r_precision_at_1", value=value, benchmark="emoji-generation", split="seen", language="yo", base="emoji-sd",
        provenance=Provenance.SELF_REPORTED, source="hub evaluate, two cores", benchmark_digest="d" * 64, sample_size=256, seed=0,
        low=value - 0.05, high=value + 0.05,
    )  # fmt: skip
    return replace(score, **changes)


def a_card(**changes: Any) -> Card:
    """Return the card of a Yoruba adapter."""
    card = Card(
        kind="adapter", summary="Yoruba prompts for emoji-sd.", license="Apache-2.0", languages=("yo",), method="mulan",
        bases=("emoji-sd",), encoder="emoji-xlmr", tags=("lab",), scores=(a_score(),), prose="# A module\n\nHow it was made.",
    )  # fmt: skip
    return replace(card, **changes)


def a_variant_config(base: str = "emoji-sd", **changes: Any) -> dict[str, Any]:
    """Return the content of a variant's config.json."""
    return {
        "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler",
        "module": {"in_width": 4, "out_width": 4, "queries": 2, "heads": 1, "encoder_layers": 1, "decoder_layers": 1},
        "base": {"name": f"linguahub/{base}", "digest": BASE_DIGEST},
        "encoder": {"name": "linguahub/emoji-xlmr", "digest": ENCODER_DIGEST, "readout": "last_hidden_state"},
        "conditioning": {"width": 128, "length": 16, "pooled_width": None, "mask": False},
        "prompt": {"prefix": "", "drop": [], "length": 24, "negative": {"prefix": "", "drop": [], "length": 24}, "empty": "encode"},
        "languages": ["yo"],
        **changes,
    }  # fmt: skip


def some_weights(path: Path, seed: int = 0) -> Path:
    """Write a safetensors file with a few values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float16)}, path)
    return path


def a_folder(path: Path, card: Card | None = None, *, variants: tuple[str, ...] = ("emoji-sd",), seed: int = 0) -> Path:
    """Write a folder in Hugging Face layout that can be published: a card, and a config and weights for each variant."""
    path.mkdir(parents=True, exist_ok=True)
    write_card(card or a_card(), path)
    for base in variants:
        some_weights(path / base / "model.safetensors", seed)
        (path / base / "config.json").write_text(json.dumps(a_variant_config(base)))
    return path
