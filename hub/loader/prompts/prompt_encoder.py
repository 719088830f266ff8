"""Encode prompts with the loaded modules of a pipeline, once per call, before the denoising loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

import torch

from hub.bases.family import Family
from hub.bases.language_mixin import Language, Prompts
from hub.embeddings import Embeddings
from hub.errors import DoesNotFit
from hub.loader.module_reader import ModuleReader
from hub.loader.modules.loaded_module import LoadedModule
from hub.loader.modules.module_cache import ModuleCache, RegisteredModule, Reload
from hub.loader.patches.encoder_lora import EncoderLora
from hub.loader.patches.patches import LowRank, parts
from hub.loader.prompts.embedding_cache import DEFAULT_BYTES, EmbeddingCache, Key
from hub.loader.prompts.encode import Item, join, read
from hub.loader.prompts.mixed_window import EncodedRow, fill_window, pad_to_longest
from hub.loader.prompts.route import Piece, route
from hub.weights.devices import is_same

logger = logging.getLogger(__name__)
SignedPiece = tuple[Piece, bool]
"""A piece, and whether it belongs to a negative prompt."""
Line = Sequence[SignedPiece]


class PromptEncoder:
    """The modules of one pipeline, of which some are active, and a cache of their embeddings."""

    def __init__(
        self,
        reader: ModuleReader,
        *,
        default_language: str = "",
        base_languages: Sequence[str] = ("en",),
        resident_bytes: int | None = None,
        cache_bytes: int = DEFAULT_BYTES,
    ) -> None:
        self._reader = reader
        self._default_language = default_language
        self._base_languages = tuple(base_languages)
        self._module_cache = ModuleCache(resident_bytes)
        self._embeddings = EmbeddingCache(cache_bytes)
        self._lock = RLock()  # threads may share a pipeline, and modules come and go

    def __getstate__(self) -> dict[str, Any]:
        """Return what `copy.deepcopy` copies: everything but the lock."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=RLock())

    @property
    def family(self) -> Family:
        """Return the family of the base."""
        return self._reader.family

    def add(self, loaded: LoadedModule, reload: Reload) -> None:
        """Register `loaded` and activate it last. Raises DoesNotFit if its name is taken."""
        with self._lock:
            self._module_cache.add(loaded, reload)

    def refuse_duplicate_name(self, name: str) -> None:
        """Raise DoesNotFit if `name` is taken. Call it before the base is patched for the new module."""
        self._module_cache.refuse_duplicate_name(name)

    def load(self, name: str | Path) -> str:
        """Load and activate the module `name`. Returns its name in the pipeline."""
        module, where = self._reader.find(name)
        self.refuse_duplicate_name(module.name)
        self.add(self._reader.read(module, where), partial(self._reader.read, module, where))
        return module.name

    def activate(self, names: Sequence[str]) -> None:
        """Activate exactly these; earlier ones take precedence."""
        with self._lock:
            self._module_cache.activate(names)

    def active(self) -> list[str]:
        """Return the names of active modules."""
        return [each.name for each in self._module_cache.active]

    def languages(self) -> dict[str, tuple[str, ...]]:
        """Return the languages of active modules, by name."""
        return {each.name: tuple(each.config.languages) for each in self._module_cache.active}

    def module_names(self) -> list[str]:
        """Return the names of all modules, evicted ones included."""
        return self._module_cache.names()

    def switch_off_patches(self) -> None:
        """Turn off all exclusive patches; the next prompt of their modules turns them on again."""
        with self._lock:
            self._switch_patches(())

    def clear(self) -> None:
        """Remove all modules and their patches."""
        with self._lock:
            self._module_cache.clear()
            self._embeddings.clear()

    def free_encoders(self) -> int:
        """Free the modules' text encoders, which new prompts reload, but keep embeddings. Return the bytes freed."""
        with self._lock:
            freed = self._reader.encoders.free()
        logger.info("text encoders freed: %d bytes; %d texts remain in the cache", freed, len(self._embeddings))
        return freed

    def loras(self) -> list[str]:
        """Return diffusers' names of the modules' LoRAs."""
        patches = (patch for each in self._module_cache.values() for patch in parts(each.patch))
        return [patch.adapter for patch in patches if isinstance(patch, LowRank | EncoderLora)]

    def move(self, device: torch.device) -> None:
        """Move everything to `device`, where modules stay while nothing is encoded."""
        with self._lock:
            self._reader.device = device
            self._module_cache.move(device)
            self._module_cache.move_patches(device)
            self._embeddings.move(device)

    def readers(self, texts: Sequence[str], language: Language) -> list[tuple[str, ...]]:
        """Return the readers of each text's spans, empty for the base, without encoding. Raises as `encode`."""
        with self._lock:
            lines = self._router(language)(texts)
        return [tuple("" if piece.reader is None else piece.reader.name for piece in line) for line in lines]

    @torch.no_grad()
    def translations(self, texts: Sequence[str], language: Language) -> list[str]:
        """Return the translation of each text, spans joined; empty if no translation module reads it."""
        with self._lock:
            return [self._translate(line) for line in self._router(language)(texts)]

    def _translate(self, line: Sequence[Piece]) -> str:
        self._module_cache.need(dict.fromkeys(piece.reader for piece in line if piece.reader is not None))
        readers = [piece.reader.loaded if piece.reader is not None else None for piece in line]
        translators = [None if reader is None else reader.translator for reader in readers]
        if not any(translators):
            return ""
        return " ".join(
            piece.text.strip() if translator is None else translator.translate([piece.text])[0]
            for piece, translator in zip(line, translators, strict=True)
        )

    def _router(self, language: Language) -> Callable[..., list[tuple[Piece, ...]]]:
        """Return `route` with the current modules and defaults."""
        return partial(
            route,
            language=language,
            active=self._module_cache.active,
            default=self._default_language,
            base_languages=self._base_languages,
        )

    @torch.no_grad()
    def encode(self, prompts: Prompts) -> tuple[Embeddings, Embeddings | None] | None:
        """Return embeddings of all prompts, tokens (B, L, C), or None if the base reads every one unchanged.

        A negative prompt is encoded by the same module as its prompt. Raises UnknownLanguage, InvalidRequest, and DoesNotFit for
        a language that no module reads and for a batch whose prompts cannot share one denoiser or length.
        """
        with self._lock:
            return self._encode(replace(prompts, device=torch.device(prompts.device)))  # diffusers also takes a name

    def _encode(self, prompts: Prompts) -> tuple[Embeddings, Embeddings | None] | None:
        routed = self._router(prompts.language)
        positive = routed(prompts.positive)
        if all(line == (Piece(text, None),) for line, text in zip(positive, prompts.positive, strict=True)):
            self._switch_patches(())
            return None
        lines = [_signed(line, is_negative=False) for line in positive]
        if prompts.negative is not None:
            negative = routed(prompts.negative, leads=[line[0].reader for line in positive])
            lines += [_signed(line, is_negative=True) for line in negative]
        readers = tuple(dict.fromkeys(piece.reader for line in lines for piece, _ in line))
        _check_exclusive(readers)
        rows = self._rows(lines, readers, prompts)
        count = len(positive)
        encoded = _windows(lines, rows, count)
        encoded = pad_to_longest(encoded) if prompts.is_masked else _pad_own(lines, rows, encoded)
        _check_one_length(lines, encoded)
        return join(encoded[:count]), join(encoded[count:]) if prompts.negative is not None else None

    def _rows(
        self, lines: Sequence[Line], readers: Sequence[RegisteredModule | None], prompts: Prompts
    ) -> dict[SignedPiece, EncodedRow]:
        """Return a row for each piece, from the cache if it was encoded before."""
        rows: dict[SignedPiece, EncodedRow] = {}
        unread: list[SignedPiece] = []
        for each in dict.fromkeys(each for line in lines for each in line):
            key = _key(*each)
            found = None if key is None else self._embeddings.find(key, prompts.device)
            if found is None:
                unread.append(each)
            else:
                rows[each] = found
        patching = [reader for reader in readers if reader is not None and reader.is_patching]
        encoding = [piece.reader for piece, _ in unread if piece.reader is not None]
        self._module_cache.need(dict.fromkeys([*patching, *encoding]))
        self._switch_patches(readers)
        if not unread:
            return rows
        items = {
            (piece, is_negative): Item(piece.text, None if piece.reader is None else piece.reader.loaded, is_negative)
            for piece, is_negative in unread
        }
        self._module_cache.move(prompts.device, encoding)
        made = read(list(items.values()), prompts, self._module_cache)
        if not is_same(prompts.device, self._reader.device):  # the pipeline is offloaded: the denoiser needs the memory
            self._module_cache.move(self._reader.device)
        for each, item in items.items():
            rows[each] = made[item]
            if (key := _key(*each)) is not None:
                self._embeddings.keep(key, made[item])
        return rows

    def _switch_patches(self, readers: Sequence[RegisteredModule | None]) -> None:
        """Turn on the exclusive patches of this batch's readers, after turning off all others."""
        wanted = [reader.loaded for reader in readers if reader is not None and reader.loaded is not None]
        for loaded in self._module_cache.values():
            if loaded.patch is not None and loaded.patch.exclusive and loaded not in wanted:
                loaded.patch.switch(False)
        for loaded in wanted:
            if loaded.patch is not None and loaded.patch.exclusive:
                loaded.patch.switch(True)


def _signed(line: Sequence[Piece], *, is_negative: bool) -> Line:
    return [(piece, is_negative) for piece in line]


def _windows(lines: Sequence[Line], rows: Mapping[SignedPiece, EncodedRow], count: int) -> list[Embeddings]:
    """Return one row per line; the first `count` lines are prompts. Prompts with several spans fill the longest window."""
    longest = max(row.length for row in rows.values())
    encoded = []
    for place, line in enumerate(lines):
        own = [rows[each] for each in line]
        is_mixed = len(line) > 1 or len(lines[place % count]) > 1  # A negative prompt is as long as its prompt.
        is_complete = len(own) == 1 and (own[0].length == longest or not is_mixed)
        encoded.append(own[0].encoded if is_complete else fill_window(own, longest))
    return encoded


def _pad_own(
    lines: Sequence[Line], rows: Mapping[SignedPiece, EncodedRow], encoded: Sequence[Embeddings]
) -> list[Embeddings]:
    """Pad what the base itself read to the longest row with its own padding, which a denoiser without a mask reads."""
    longest = max(each.tokens_BLC.shape[1] for each in encoded)
    padded = [
        fill_window([rows[line[0]]], longest)
        if len(line) == 1 and line[0][0].reader is None and row.tokens_BLC.shape[1] < longest
        else row
        for line, row in zip(lines, encoded, strict=True)
    ]
    if any(after is not before for after, before in zip(padded, encoded, strict=True)):
        logger.warning(
            "the prompts that the base reads are padded to %d tokens, as many as the module's beside them: in a call of their own "
            "they keep the base's images",
            longest,
        )
    return padded


def _check_exclusive(readers: Sequence[RegisteredModule | None]) -> None:
    """Raise DoesNotFit if `readers` need different denoisers, before anything is loaded or changed."""
    wanted = {reader if reader is not None and reader.is_exclusive else None for reader in readers}
    if len(wanted) > 1:
        names = dict.fromkeys("the base" if each is None else f"`{each.name}`" for each in readers)
        raise DoesNotFit(
            f"all prompts of one call share a denoiser, and {' and '.join(names)} need different ones: "
            "use separate calls."
        )


def _key(piece: Piece, is_negative: bool) -> Key | None:
    """Return the cache key; None for prompts that the base's own encoder reads, because that can change."""
    if piece.reader is None or not piece.reader.has_module:
        return None
    config = piece.reader.config
    if not piece.text.strip() and config.empty != "encode":
        return None
    return Key(piece.text, piece.reader.name, config.negative if is_negative else config.positive)


def _check_one_length(lines: Sequence[Line], encoded: Sequence[Embeddings]) -> None:
    """Raise DoesNotFit unless all rows have the same number of tokens: without a mask, padding would be read as words."""
    lengths: dict[int, str] = {}
    for line, row in zip(lines, encoded, strict=True):
        reader = line[0][0].reader
        lengths.setdefault(row.tokens_BLC.shape[1], f"`{reader.name}`" if reader is not None else "the base")
    if len(lengths) > 1:
        found = " and ".join(f"{length} from {reader}" for length, reader in lengths.items())
        raise DoesNotFit(
            f"all prompts of one call need the same number of tokens, but these have {found}: use separate calls."
        )
