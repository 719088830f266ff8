"""Captions for training the English models: several ways to name each emoji, chosen before training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from trainers.corpora.emoji_dataset import Name, World
from trainers.loop.sampler import generator_of

VARIANTS = 16
"""Captions prepared per concept."""


def english_names(world: World, *, with_combinations: bool) -> list[Name]:
    """Return the English rows of the roles used in training; include held-out combinations only for a judge.

    A flag held out as a combination stays, but only under its country's name: see `make_captions`.
    """
    rows = [name for name in world.named("en") if world.concepts[name.concept]["role"] != "extra"]
    if with_combinations:
        return rows
    return [name for name in rows if name.split != "combinations" or world.concepts[name.concept]["role"] == "flag"]


def make_captions(name: Name, *, names_only: bool, with_combinations: bool, seed: int) -> list[str]:
    """Return `VARIANTS` captions of one concept, most often its name.

    Half of a flag's captions are its country's name; all of them for a held-out flag.
    """
    generator = generator_of(seed, "captions", name.concept)
    captions = []
    for draw in torch.rand(VARIANTS, generator=generator).tolist():
        country = name.name.split(": ")[-1] if name.name.startswith("flag: ") else None
        if country is not None and (draw < 0.5 or (name.split == "combinations" and not with_combinations)):
            captions.append(country)
        elif names_only or draw < 0.6 or not name.keywords:
            captions.append(name.name)
        else:
            words = _shuffle(name.keywords, generator)[:3]
            captions.append(", ".join([name.name, *words] if draw < 0.85 else [*words, name.name]))
    return captions


def tokenise(tokenizer: PreTrainedTokenizerBase, captions: Sequence[str], length: int) -> Tensor:
    """Return token ids, padded or truncated to `length`, (N, L)."""
    tokens = tokenizer(list(captions), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    ids_NL: Tensor = tokens.input_ids
    return ids_NL


def _shuffle(words: Iterable[str], generator: torch.Generator) -> list[str]:
    words = list(words)
    return [words[index] for index in torch.randperm(len(words), generator=generator).tolist()]
