"""Cache the tokens of texts on disk: of a million texts of 77 tokens they are 300 MB.

Shape letters: N texts, B batch, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.module_config import PromptRule
from trainers.corpora.text_columns import digest_of_texts
from trainers.inputs.feature_cache import FeatureCache, key_of
from trainers.inputs.prompt_rules import PromptRules
from trainers.inputs.sharded_rows import Rows, ShardedRows

Tokens = tuple[Tensor, Tensor]
"""Token ids (B, L) and mask (B, L); False is padding."""
COUNT = 1024
"""Texts that are tokenised at a time: a tokenizer builds Python numbers, which are much larger than its tensors."""


class TokenRows:
    """Token ids and masks (N, L) in a file. Indexing reads some of them."""

    def __init__(self, rows: ShardedRows) -> None:
        """`rows` holds ids; those of padding are inverted, so that they are negative."""
        self._rows = rows

    def __getitem__(self, rows_B: Tensor) -> Tokens:
        """Return ids (B, L), int64, and mask (B, L) of the texts `rows_B` (B,), on the CPU."""
        found_BL = np.empty((len(rows_B), self._rows.shape[1]), np.int32)
        self._rows.take(rows_B.cpu().numpy(), found_BL)
        stored_BL = torch.from_numpy(found_BL).long()
        mask_BL = stored_BL >= 0
        return torch.where(mask_BL, stored_BL, ~stored_BL), mask_BL

    def first_places(self, token: int) -> Tensor:
        """Return the first position (N,) of a token in each text."""
        parts = (self[rows_B][0] == token for rows_B in torch.arange(len(self._rows)).split(COUNT))
        return torch.cat([is_token_BL.byte().argmax(dim=1) for is_token_BL in parts])


def encoder_tokens(
    encoder: TextEncoder, texts: Sequence[str], rules: PromptRules, *, folder: Path, digest: str, quiet: bool
) -> TokenRows:
    """Tokenise texts for an encoder, if `folder` does not have their tokens. The first text follows the rule of negative prompts."""

    def tokenize(some: Sequence[str], rule: PromptRule) -> Tokens:
        ids_BL, mask_BL = encoder.tokenize([rule.prefix + text + rule.suffix for text in some], rule.length)
        kept = [place for place in range(rule.length) if place not in rule.drop]
        return ids_BL[:, kept], mask_BL[:, kept].bool()

    def compute(first: int, last: int) -> Rows:
        parts = [tokenize(texts[:1], rules.negative)] if first == 0 else []
        if last > first + len(parts):
            parts.append(tokenize(texts[first + len(parts) : last], rules.positive))
        return torch.cat([torch.where(mask_BL, ids_BL, ~ids_BL) for ids_BL, mask_BL in parts]).int().numpy()

    key = key_of("tokens", digest, rules.config(), digest_of_texts(texts))
    return _load(folder, key, (len(texts), rules.positive.kept), compute, quiet=quiet)


def base_tokens(base: FrozenBase, texts: Sequence[str], *, folder: Path, digest: str, quiet: bool) -> TokenRows:
    """Tokenise texts for the base's own text encoder, if `folder` does not have their tokens."""

    def compute(first: int, last: int) -> Rows:
        return base.tokenize(texts[first:last]).int().numpy()

    key = key_of("base-tokens", digest, base.length, digest_of_texts(texts))
    return _load(folder, key, (len(texts), base.length), compute, quiet=quiet)


def _load(
    folder: Path, key: str, shape: tuple[int, int], compute: Callable[[int, int], Rows], *, quiet: bool
) -> TokenRows:
    cache = FeatureCache(
        folder=folder,
        key=key,
        shape=shape,
        compute=compute,
        dtype="int32",
        batch_size=COUNT,
        label="tokens",
        quiet=quiet,
    )
    return TokenRows(cache.load())
