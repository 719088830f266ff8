"""Encode texts to rows of embeddings, batched by reader.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q tokens for the denoiser, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from hub.bases.language_mixin import Prompts
from hub.embeddings import Embeddings, shared_streams, split_streams
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import States, TextEncoder
from hub.loader.modules.loaded_module import LoadedModule
from hub.loader.modules.module_cache import ModuleCache
from hub.loader.modules.module_config import PromptRule
from hub.loader.modules.stacked_projectors import shape_of
from hub.loader.patches.encoder_lora import ARCHITECTURE as ENCODER_LORA
from hub.loader.patches.encoder_lora import reading
from hub.loader.patches.timestep_hook import append_mask
from hub.loader.prompts.mixed_window import EncodedRow

T = TypeVar("T")


class Item(NamedTuple):
    """One text and its reader; equal items are encoded once."""

    text: str
    loaded: LoadedModule | None
    """None if the base reads it."""
    is_negative: bool

    @property
    def changes_encoder(self) -> bool:
        """Return whether its module changes the base's own text encoder while it reads."""
        return self.loaded is not None and self.loaded.config.variant.architecture == ENCODER_LORA

    @property
    def rule(self) -> PromptRule:
        """Return the prompt rule of the module's config."""
        assert self.loaded is not None
        return self.loaded.config.negative if self.is_negative else self.loaded.config.positive


def read(items: Sequence[Item], prompts: Prompts, modules: ModuleCache) -> dict[Item, EncodedRow]:
    """Encode each distinct item to one row, (1, Q, C)."""
    rows: dict[Item, EncodedRow] = {}
    by_base: list[Item] = []
    by_module: list[Item] = []
    for item in dict.fromkeys(items):
        empty = item.loaded.config.empty if item.loaded is not None and not item.text.strip() else "encode"
        if item.loaded is None or item.loaded.module is None or empty == "base":
            by_base.append(item)
        elif empty == "zeros":
            rows[item] = _zeros(item.loaded, item.rule, prompts.device)
        else:
            by_module.append(item)
    for group in groups(by_base, lambda item: (item.is_negative, item.changes_encoder and item.loaded)):
        rows |= _encode_with_base(group, prompts)
    states = _encode(by_module)
    for group in groups(by_module, lambda item: (item.loaded and shape_of(item.loaded), len(states[item].tokens_BLE))):
        batch = _stack([states[item] for item in group])
        given = group[0].loaded.config.variant.conditioning if group[0].loaded is not None else None
        answer = _apply_module(group, batch, modules)
        answers = split(answer if given is None else split_streams(answer, given.channels))
        for item, answer, mask_L in zip(group, answers, batch.mask_BL, strict=True):
            rows[item] = _row(item, answer, mask_L)
    return rows


def groups(items: Sequence[T], key: Callable[[T], object]) -> list[list[T]]:
    """Group items by key, in the order of first occurrence."""
    found: dict[object, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())


def split(batch: Embeddings) -> list[Embeddings]:
    """Split a batch into rows, (1, Q, C) each."""
    return [batch.map(itemgetter(slice(place, place + 1))) for place in range(len(batch.tokens_BLC))]


def join(rows: Sequence[Embeddings]) -> Embeddings:
    """Join rows, (1, Q, C) each, to a batch; if any row has a mask, rows without one count all their tokens.

    Further streams are joined if all rows have them. Without them the base reads its own, from the prompts.
    """
    pooled = [row.pooled_BP for row in rows if row.pooled_BP is not None]
    masked = any(row.mask_BL is not None for row in rows)
    masks = [torch.ones_like(row.tokens_BLC[..., 0]).bool() if row.mask_BL is None else row.mask_BL for row in rows]
    return Embeddings(
        torch.cat([row.tokens_BLC for row in rows]),
        torch.cat(pooled) if pooled else None,
        torch.cat(masks) if masked else None,
        tuple(join(each) for each in shared_streams(row.streams for row in rows)),
    )


def _encode_with_base(items: Sequence[Item], prompts: Prompts) -> dict[Item, EncodedRow]:
    encode = prompts.base_encode_negative if items[0].is_negative else prompts.base_encode
    given = _texts_for_base(items)
    with reading(None if items[0].loaded is None else items[0].loaded.patch):
        answers = split(encode(given))
    return {
        item: EncodedRow(answer, _counts(answer, text, prompts))
        for item, answer, text in zip(items, answers, given, strict=True)
    }


def _counts(answer: Embeddings, text: str, prompts: Prompts) -> Tensor:
    """Return where the base read a token of `text`: by its mask, else by its tokenizer, else everywhere."""
    if answer.mask_BL is not None:
        return answer.mask_BL[0].bool()
    length = answer.tokens_BLC.shape[1]
    count = length if prompts.count_tokens is None else prompts.count_tokens(text)
    return torch.arange(length, device=answer.tokens_BLC.device) < count


def _row(item: Item, answer: Embeddings, mask_L: Tensor) -> EncodedRow:
    assert item.loaded is not None
    if answer.pooled_BP is not None and item.rule.pooled == "zeros":
        answer = answer._replace(pooled_BP=torch.zeros_like(answer.pooled_BP))
    resampled = bool(getattr(item.loaded.module, "resamples", False)) or answer.tokens_BLC.shape[1] != len(mask_L)
    return EncodedRow(answer, mask_L, resampled)


def _apply_module(group: Sequence[Item], states: States, modules: ModuleCache) -> Embeddings:
    readers = [item.loaded for item in group if item.loaded is not None]
    first = readers[0]
    tokens_BLE, mask_BL = states.tokens_BLE.to(first.dtype), states.mask_BL
    if getattr(first.module, "per_step", False):
        return Embeddings(append_mask(tokens_BLE, mask_BL))  # the module reads them before the denoiser
    if len(set(readers)) == 1:
        assert first.module is not None
        if getattr(first.module, "reads_pooled", None) is not None and states.pooled_BD is not None:
            return Embeddings(*first.module(tokens_BLE, mask_BL, states.pooled_BD.to(first.dtype)))
        return Embeddings(*first.module(tokens_BLE, mask_BL))
    bank, places = modules.banks.place(readers, tuple(modules.values()))
    return Embeddings(*bank(tokens_BLE, torch.tensor(places, device=tokens_BLE.device)))


def _encode(items: Sequence[Item]) -> dict[Item, States]:
    """Return states (L, E), mask (L,) and pooled vector (D,) of each item; one pass per encoder, readout and rule."""
    states: dict[Item, States] = {}
    for group in groups(items, lambda item: (_encoder(item), item.rule)):
        texts = list(dict.fromkeys(item.text for item in group))
        rule = group[0].rule
        batch = _encoder(group[0]).states(texts, rule.length, prefix=rule.prefix, suffix=rule.suffix, drop=rule.drop)
        for item in group:
            place = texts.index(item.text)
            pooled_D = None if batch.pooled_BD is None else batch.pooled_BD[place]
            states[item] = States(batch.tokens_BLE[place], batch.mask_BL[place], pooled_D)
    return states


def _stack(rows: Sequence[States]) -> States:
    """Stack rows of one length to a batch, with pooled vectors if all have one."""
    pooled = [row.pooled_BD for row in rows if row.pooled_BD is not None]
    return States(
        torch.stack([row.tokens_BLE for row in rows]),
        torch.stack([row.mask_BL for row in rows]),
        torch.stack(pooled) if len(pooled) == len(rows) else None,
    )


def _encoder(item: Item) -> TextEncoder | JoinedEncoder:
    assert item.loaded is not None
    encoder = item.loaded.encoder
    assert encoder is not None
    return encoder


def _texts_for_base(items: Sequence[Item]) -> list[str]:
    """Return the texts for the base's own encoder: with the module's prefix, or translated."""
    given = {item: item.text for item in items}
    given |= {
        item: item.rule.prefix + item.text + item.rule.suffix
        for item in items
        if item.loaded is not None and item.loaded.module is None
    }
    translated = [
        (item, item.loaded.translator)
        for item in items
        if item.loaded is not None and item.loaded.translator is not None and item.text.strip()
    ]
    for group in groups(translated, lambda pair: pair[1]):
        texts = group[0][1].translate([given[item] for item, _ in group])
        given |= {item: text for (item, _), text in zip(group, texts, strict=True)}
    return [given[item] for item in items]


def _zeros(loaded: LoadedModule, rule: PromptRule, device: torch.device) -> EncodedRow:
    given = loaded.config.variant.conditioning
    tokens_1QC = torch.zeros(1, loaded.length(rule), sum(given.channels), dtype=loaded.dtype, device=device)
    pooled = torch.zeros(1, given.pooled_width, dtype=loaded.dtype, device=device) if given.pooled_width else None
    encoded = split_streams(Embeddings(tokens_1QC, pooled), given.channels)
    return EncodedRow(encoded, torch.ones(tokens_1QC.shape[1], dtype=torch.bool, device=device))
