"""Build a corpus of a dozen concepts in three languages, and a tiny CLIP that reads them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
import torch
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from trainers.corpora import CORPORA
from trainers.corpora.corpus import Example, Prompt

WORDS = {
    "dog": ("ajá", "mbwa"), "cat": ("ológbò", "paka"), "fish": ("ẹja", "samaki"), "bird": ("ẹyẹ", "ndege"),
    "sun": ("oòrùn", "jua"), "moon": ("òṣùpá", "mwezi"), "star": ("ìràwọ̀", "nyota"), "house": ("ilé", "nyumba"),
    "tree": ("igi", "mti"), "car": ("ọkọ̀", "gari"), "bread": ("búrẹ́dì", "mkate"), "water": ("omi", "maji"),
}  # fmt: skip
HELD_OUT = ("bread", "water")
"""Concepts held out in `yo` only."""


class ToyCorpus:
    """A corpus whose images are plain colours."""

    name = "toy"
    base_splits = ("seen", "pairs", "languages")
    has_images = True
    unreadable = frozenset[str]()
    digest = "0" * 64
    languages = ("en", "yo", "sw", "ig")

    def examples(self, language: str) -> list[Example]:
        if language not in {"en", "yo", "sw"}:
            return []
        return [Example(self._say(word, language), language, word, word) for word in self._trained(language)]

    def prompts(self, language: str, split: str) -> list[Prompt]:
        trained = self._trained(language)
        if language not in self.languages:
            return []
        chosen = {"seen": trained, "pairs": [word for word in WORDS if word not in trained]}.get(split, [])
        return [Prompt(self._say(word, language), language, word, word) for word in chosen]

    def gallery(self, split: str) -> list[Prompt]:
        return [Prompt(word, "en", word, word) for word in WORDS]

    def images(self, concepts: Sequence[str]) -> Tensor:
        colours = [
            torch.tensor([20 * place, 255 - 20 * place, 10 * place]) for place in map(list(WORDS).index, concepts)
        ]
        return torch.stack([colour[:, None, None].expand(3, 32, 32).to(torch.uint8) for colour in colours])

    def _trained(self, language: str) -> list[str]:
        return [word for word in WORDS if language != "yo" or word not in HELD_OUT]

    def _say(self, word: str, language: str) -> str:
        return {"en": word, "yo": WORDS[word][0], "sw": WORDS[word][1]}.get(language, word)


def tiny_clip(seed: int) -> tuple[CLIPModel, CLIPTokenizer]:
    torch.manual_seed(seed)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={word: place for place, word in enumerate(words)}, merges=[], model_max_length=8)
    sizes = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 12,
    }  # fmt: skip
    text = CLIPTextConfig(
        vocab_size=len(tokenizer), max_position_embeddings=8, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, **sizes,
    )  # fmt: skip
    vision = CLIPVisionConfig(image_size=32, patch_size=8, **sizes)
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).eval(), tokenizer


def complete(installed: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `root` the home of this process: a copy of the installation, with the corpus `toy`."""
    for part in ("cards", "home"):
        shutil.copytree(installed / part, root / part, symlinks=True)
    monkeypatch.setenv("HUB_CARDS", str(root / "cards"))
    monkeypatch.setenv("HUB_HOME", str(root / "home"))
    toy = ModuleType("toy_corpus")
    toy.ToyCorpus = ToyCorpus
    monkeypatch.setitem(sys.modules, "toy_corpus", toy)
    monkeypatch.setitem(CORPORA, "toy", "toy_corpus:ToyCorpus")
