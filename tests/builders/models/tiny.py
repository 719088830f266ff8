"""A tiny encoder and tokenizer of the real classes, and how they are published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

WIDTH = 32
"""Of the tiny base's cross-attention."""


LENGTH = 16
"""Tokens of the tiny base's own text encoder."""


ENCODER_WIDTH = 24


WORDS = [
    "aja",
    "ologbo",
    "eye",
    "ile",
    "mbwa",
    "paka",
    "ndege",
    "nyumba",
    "dog",
    "cat",
    "bird",
    "house",
    "kare",
    "kyanwa",
]


def clip_tokenizer() -> Any:
    """A `CLIPTokenizer` of single bytes."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(f"{each}</w>" for each in alphabet), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[], model_max_length=LENGTH)


def make_encoder(folder: Path, seed: int, positions: int = 40, width: int = ENCODER_WIDTH) -> Path:
    """Save a random `XLMRobertaModel` and its tokenizer."""
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    torch.manual_seed(seed)
    letters = sorted({letter for word in WORDS for letter in word} | set("ẹọṣ犬猫"))
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = [("▁", -3.0), *((f"▁{word}", -2.0) for word in WORDS), *((letter, -6.0) for letter in letters)]
    tokenizer = XLMRobertaTokenizer(vocab=[*special, *pieces])
    model = XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=positions,
            type_vocab_size=1,
            pad_token_id=1,
        ),
        add_pooling_layer=False,
    )
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def push(hub: Any, name: str, content: Path, scratch: Path, *, kind: str, language: str) -> Any:
    """Publish `content` with a card."""
    from hub.names import ArtifactName
    from hub.publish.publish import publish

    folder = scratch / "pushed" / name
    shutil.copytree(content, folder, dirs_exist_ok=True)
    ours: dict[str, Any] = {"kind": kind, "summary": "Tiny."}
    if kind == "base":
        ours["conditioning"] = {"width": WIDTH, "length": None, "pooled_width": None, "mask": False}
    card = {"language": language, "license": "apache-2.0", "linguahub": ours}
    (folder / "README.md").write_text(f"---\n{json.dumps(card)}\n---\n\nTiny.\n")
    return publish(folder, ArtifactName("linguahub", name), hub.registry, hub.store)


def tokens(pipe: Any, prompt: Any, **settings: Any) -> torch.Tensor:
    """Embeddings of prompts, (B, L, C)."""
    return pipe.encode_prompt(prompt, pipe.device, 1, False, **settings)[0]
