"""Turns prompts into embeddings through resident modules: each module once, before the denoising loop.

Shape letters: B batch, L tokens of the encoder, E encoder width, Q tokens for the denoiser, C conditioning width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from hub.bases.language import Encoded, Prompts
from hub.errors import DoesNotFit
from hub.loader.bank import ProjectorBank
from hub.loader.changes import LowRank
from hub.loader.config import PromptRule
from hub.loader.padding import aligned
from hub.loader.per_step import joined
from hub.loader.resident import Resident
from hub.loader.routing import route
from hub.loader.together import parts
from hub.loader.translator import Translator
from hub.modules import TextEncoder
from hub.modules.projector import Projector

T = TypeVar("T")


class Item(NamedTuple):
    """One text with the way it takes; equal items are encoded once."""

    text: str
    resident: Resident | None
    """None: the base reads it."""
    is_negative: bool

    @property
    def rule(self) -> PromptRule:
        """Of the resident's config."""
        assert self.resident is not None
        return self.resident.config.negative if self.is_negative else self.resident.config.positive


class Interpreter:
    """The resident modules of one pipeline, of which some are active."""

    def __init__(
        self,
        read: Callable[[str | Path], Resident],
        *,
        default_language: str = "",
        base_languages: Sequence[str] = ("en",),
    ) -> None:
        self._read = read
        self._default_language = default_language
        self._base_languages = tuple(base_languages)
        self._residents: dict[str, Resident] = {}
        self._active: tuple[Resident, ...] = ()
        self._banks: dict[Resident, tuple[ProjectorBank, int]] = {}

    def add(self, resident: Resident) -> None:
        """Make `resident` known and active, last in line. Raises DoesNotFit when another one has its name."""
        self.refuse_twin(resident.name)
        self._residents[resident.name] = resident
        self._active = (*self._active, resident)
        self._stack()

    def refuse_twin(self, name: str) -> None:
        """DoesNotFit when a resident is called `name`; asked before anything of the base is changed for another one."""
        if name in self._residents:
            raise DoesNotFit(f"a module called `{name}` is resident already: `pipe.unload()` takes all away.")

    def load(self, name: str | Path) -> str:
        """Read the module `name`; it is active from now on."""
        resident = self._read(name)
        self.add(resident)
        return resident.name

    def activate(self, names: Sequence[str]) -> None:
        """Let exactly these work, the first one before the others."""
        self._active = tuple(self._residents[name] for name in dict.fromkeys(names))

    def active(self) -> list[str]:
        """Names of the residents that work."""
        return [each.name for each in self._active]

    def residents(self) -> list[str]:
        """Names of all residents."""
        return list(self._residents)

    def clear(self) -> None:
        """Forget every resident, and take back what it changed."""
        for resident in self._residents.values():
            if resident.change is not None:
                resident.change.remove()
        self._residents, self._active, self._banks = {}, (), {}

    def loras(self) -> list[str]:
        """Names by which diffusers knows LoRAs of residents."""
        changes = (change for each in self._residents.values() for change in parts(each.change))
        return [change.adapter for change in changes if isinstance(change, LowRank)]

    def find_encoder(self, folder: Path) -> TextEncoder | None:
        """The encoder that a resident read from `folder`, if one did."""
        return next((each.encoder for each in self._residents.values() if each.encoder_folder == folder), None)

    def move(self, device: torch.device) -> None:
        """Bring modules and encoders to `device`; nothing happens when they are there."""
        modules = [each.module for each in self._residents.values() if each.module is not None]
        modules += [each.encoder.model for each in self._residents.values() if each.encoder is not None]
        modules += [each.translator.model for each in self._residents.values() if each.translator is not None]
        for resident in self._residents.values():
            if resident.change is not None:
                resident.change.move(device)
        if not all(_is_on(module, torch.device(device)) for module in modules):
            for module in modules:
                module.to(device)
            self._stack()

    @torch.no_grad()
    def encode(self, prompts: Prompts) -> tuple[Encoded, Encoded | None] | None:
        """Embeddings of all prompts, or None when the base reads every one. A negative prompt goes the way of its prompt."""
        ways = route(
            prompts.positive,
            prompts.language,
            self._active,
            default=self._default_language,
            base_languages=self._base_languages,
        )
        self._change(ways)
        if all(way is None for way in ways):
            return None
        self.move(prompts.device)
        items = [Item(text, way, False) for text, way in zip(prompts.positive, ways, strict=True)]
        if prompts.negative is not None:
            items += [Item(text, way, True) for text, way in zip(prompts.negative, ways, strict=True)]
        rows = self._rows(items, prompts)
        if prompts.is_masked:
            rows = aligned(rows)
        _check_one_length(items, rows)
        batch = [rows[item] for item in items]
        count = len(prompts.positive)
        return _join(batch[:count]), _join(batch[count:]) if prompts.negative is not None else None

    def _change(self, ways: Sequence[Resident | None]) -> None:
        """Change the base as those who read this batch want it, and undo what others changed."""
        wanted = {way.change if way is not None and _is_exclusive(way) else None for way in ways}
        if len(wanted) > 1:
            readers = dict.fromkeys("the base" if way is None else f"`{way.name}`" for way in ways)
            raise DoesNotFit(
                f"one batch is drawn by one denoiser, and {' and '.join(readers)} do not share theirs: "
                "draw their prompts in separate calls."
            )
        for resident in self._residents.values():
            if resident.change is not None and _is_exclusive(resident) and resident.change not in wanted:
                resident.change.switch(False)
        for change in wanted:
            if change is not None:
                change.switch(True)

    def _rows(self, items: Sequence[Item], prompts: Prompts) -> dict[Item, Encoded]:
        """One row (1, Q, C) for each distinct item."""
        rows: dict[Item, Encoded] = {}
        by_base: list[Item] = []
        by_module: list[Item] = []
        for item in dict.fromkeys(items):
            empty = item.resident.config.empty if item.resident is not None and not item.text.strip() else "encode"
            if item.resident is None or item.resident.module is None or empty == "base":
                by_base.append(item)
            elif empty == "zeros":
                rows[item] = _zeros(item.resident, item.rule, prompts.device)
            else:
                by_module.append(item)
        for group in _groups(by_base, lambda item: item.is_negative):
            encode = prompts.base_encode_negative if group[0].is_negative else prompts.base_encode
            rows |= _split(group, encode(_said_to_base(group)))
        states = _encode(by_module)
        for group in _groups(by_module, lambda item: (self._reader(item), states[item][0].shape[0])):
            tokens_BLE = torch.stack([states[item][0] for item in group])
            mask_BL = torch.stack([states[item][1] for item in group])
            rows |= _split(group, self._through_module(group, tokens_BLE, mask_BL))
        for item in by_module:
            pooled_1P = rows[item].pooled_BP
            if pooled_1P is not None and item.rule.pooled == "zeros":
                rows[item] = rows[item]._replace(pooled_BP=torch.zeros_like(pooled_1P))
        return rows

    def _reader(self, item: Item) -> object:
        """What reads the item: one call serves all items of one reader."""
        assert item.resident is not None
        return self._banks[item.resident][0] if item.resident in self._banks else item.resident

    def _through_module(self, group: Sequence[Item], tokens_BLE: Tensor, mask_BL: Tensor) -> Encoded:
        residents = [item.resident for item in group if item.resident is not None]
        first = residents[0]
        tokens_BLE = tokens_BLE.to(first.dtype)
        if getattr(first.module, "per_step", False):
            return Encoded(joined(tokens_BLE, mask_BL))  # the module reads them in front of the denoiser
        if len(set(residents)) == 1:
            assert first.module is not None
            return Encoded(*first.module(tokens_BLE, mask_BL))
        bank, _ = self._banks[first]
        which_B = torch.tensor([self._banks[each][1] for each in residents], device=tokens_BLE.device)
        return Encoded(*bank(tokens_BLE, which_B))

    def _stack(self) -> None:
        """Stack projectors that share shape, type and encoder."""
        self._banks = {}
        shaped = [each for each in self._residents.values() if isinstance(each.module, Projector)]
        for group in _groups(
            shaped, lambda each: (str(each.config.module), each.dtype, id(each.encoder and each.encoder.model))
        ):
            if len(group) > 1:
                bank = ProjectorBank([each.module for each in group if isinstance(each.module, Projector)])
                self._banks |= {each: (bank, place) for place, each in enumerate(group)}


def _is_on(module: nn.Module, device: torch.device) -> bool:
    here = next(module.parameters()).device
    return here.type == device.type and device.index in {None, here.index}


def _encode(items: Sequence[Item]) -> dict[Item, tuple[Tensor, Tensor]]:
    """Token states (L, E) and mask (L,) of each item; one pass for all that share encoder, read-out and rule."""
    states: dict[Item, tuple[Tensor, Tensor]] = {}
    for group in _groups(items, lambda item: (_encoder(item), item.rule)):
        texts = list(dict.fromkeys(item.text for item in group))
        rule = group[0].rule
        tokens_BLE, mask_BL = _encoder(group[0]).encode(texts, rule.length, prefix=rule.prefix, drop=rule.drop)
        for item in group:
            place = texts.index(item.text)
            states[item] = tokens_BLE[place], mask_BL[place]
    return states


def _encoder(item: Item) -> TextEncoder:
    assert item.resident is not None
    assert item.resident.encoder is not None
    return item.resident.encoder


def _said_to_base(items: Sequence[Item]) -> list[str]:
    """What the base's own encoder is given: the resident's prefix first, where one leads the way, or the translation."""
    said = {item: item.text for item in items}
    said |= {
        item: item.rule.prefix + item.text
        for item in items
        if item.resident is not None and item.resident.module is None
    }
    spoken = [item for item in items if _translator(item) is not None and item.text.strip()]
    for group in _groups(spoken, _translator):
        translator = _translator(group[0])
        assert translator is not None
        said |= zip(group, translator.translate([said[item] for item in group]), strict=True)
    return [said[item] for item in items]


def _translator(item: Item) -> Translator | None:
    return None if item.resident is None else item.resident.translator


def _is_exclusive(resident: Resident) -> bool:
    return resident.change is not None and resident.change.exclusive


def _groups(items: Sequence[T], key: Callable[[T], object]) -> list[list[T]]:
    found: dict[object, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())


def _zeros(resident: Resident, rule: PromptRule, device: torch.device) -> Encoded:
    given = resident.config.variant.conditioning
    tokens_1QC = torch.zeros(1, resident.length(rule), given.width, dtype=resident.dtype, device=device)
    pooled = torch.zeros(1, given.pooled_width, dtype=resident.dtype, device=device) if given.pooled_width else None
    return Encoded(tokens_1QC, pooled)


def _split(items: Sequence[Item], batch: Encoded) -> dict[Item, Encoded]:
    """A batch to rows, (1, Q, C) each."""
    tokens_BLC, pooled_BP, mask_BL = batch
    return {
        item: Encoded(
            tokens_BLC[place : place + 1],
            None if pooled_BP is None else pooled_BP[place : place + 1],
            None if mask_BL is None else mask_BL[place : place + 1],
        )
        for place, item in enumerate(items)
    }


def _join(rows: Sequence[Encoded]) -> Encoded:
    """Rows, (1, Q, C) each, to a batch."""
    pooled = [row.pooled_BP for row in rows if row.pooled_BP is not None]
    masks = [row.mask_BL for row in rows if row.mask_BL is not None]
    return Encoded(
        torch.cat([row.tokens_BLC for row in rows]),
        torch.cat(pooled) if pooled else None,
        torch.cat(masks) if masks else None,
    )


def _check_one_length(items: Sequence[Item], rows: dict[Item, Encoded]) -> None:
    """A denoiser without a mask reads one number of tokens at a time: padding would be read as words."""
    lengths: dict[int, str] = {}
    for item in items:
        reader = f"`{item.resident.name}`" if item.resident is not None else "the base"
        lengths.setdefault(rows[item].tokens_BLC.shape[1], reader)
    if len(lengths) > 1:
        found = " and ".join(f"{length} from {reader}" for length, reader in lengths.items())
        raise DoesNotFit(
            f"one call takes prompts of one number of tokens, and these have {found}: draw them in separate calls."
        )
