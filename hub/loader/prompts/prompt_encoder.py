"""Turns prompts into embeddings through resident modules: each module once, before the denoising loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import RLock

import torch

from hub.bases.embeddings import Embeddings
from hub.bases.language_mixin import Language, Prompts
from hub.errors import DoesNotFit
from hub.loader.module_reader import ModuleReader
from hub.loader.modules.loaded_module import LoadedModule
from hub.loader.modules.module_cache import ModuleCache, RegisteredModule, Reload
from hub.loader.patches.patches import LowRank, parts
from hub.loader.prompts.embedding_cache import DEFAULT_BYTES, EmbeddingCache, Key
from hub.loader.prompts.encode import Item, join, read
from hub.loader.prompts.mixed_window import Row, aligned, fill_window
from hub.loader.prompts.routing import Piece, route

logger = logging.getLogger(__name__)


class PromptEncoder:
    """The resident modules of one pipeline, of which some are active."""

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
        self._cache = EmbeddingCache(cache_bytes)
        self._lock = RLock()  # threads may share a pipeline, and residents come and go

    def add(self, loaded: LoadedModule, reload: Reload) -> None:
        """Make `loaded` known and active, last in line. Raises DoesNotFit when another one has its name."""
        with self._lock:
            self._module_cache.add(loaded, reload)

    def refuse_duplicate_name(self, name: str) -> None:
        """DoesNotFit when a module called `name` is known; asked before anything of the base is changed for another one."""
        self._module_cache.refuse_duplicate_name(name)

    def load(self, name: str | Path) -> str:
        """Read the module `name`; it is active from now on."""
        module, where = self._reader.find(name)
        self.refuse_duplicate_name(module.name)
        self.add(self._reader.read(module, where), partial(self._reader.read, module, where))
        return module.name

    def activate(self, names: Sequence[str]) -> None:
        """Let exactly these work, the first one before the others."""
        with self._lock:
            self._module_cache.activate(names)

    def active(self) -> list[str]:
        """Names of the residents that work."""
        return [each.name for each in self._module_cache.active]

    def loaded_modules(self) -> list[str]:
        """Names of all residents, those that left for others included."""
        return self._module_cache.names()

    def rest(self) -> None:
        """Switch off what residents changed in the base; the next prompt of theirs switches it on again."""
        with self._lock:
            self._switch_patches((None,))

    def clear(self) -> None:
        """Forget every resident, and take back what it changed."""
        with self._lock:
            self._module_cache.clear()
            self._cache.clear()

    def free_encoders(self) -> int:
        """Let the residents' text encoders go, and keep what was encoded; the bytes they held. A new prompt reads them again."""
        with self._lock:
            freed = self._reader.encoders.free()
        logger.info("text encoders let go: %d bytes; %d texts are kept encoded", freed, len(self._cache))
        return freed

    def loras(self) -> list[str]:
        """Names by which diffusers knows LoRAs of residents."""
        patches = (patch for each in self._module_cache.values() for patch in parts(each.patch))
        return [patch.adapter for patch in patches if isinstance(patch, LowRank)]

    def move(self, device: torch.device) -> None:
        """Bring modules and encoders to `device`; nothing happens when they are there."""
        with self._lock:
            self._module_cache.move(device)

    def readers(self, texts: Sequence[str], language: Language) -> list[tuple[str, ...]]:
        """For each text the modules that read its spans, empty for the base. Raises as `encode`; nothing is read or changed."""
        with self._lock:
            lines = self._routed(language)(texts)
        return [tuple("" if piece.reader is None else piece.reader.name for piece in line) for line in lines]

    @torch.no_grad()
    def translations(self, texts: Sequence[str], language: Language) -> list[str]:
        """For each text what translation modules make of it, spans joined; empty for a text that none of them reads."""
        with self._lock:
            return [self._translated(line) for line in self._routed(language)(texts)]

    def _translated(self, line: Sequence[Piece]) -> str:
        self._module_cache.need(dict.fromkeys(piece.reader for piece in line if piece.reader is not None))
        readers = [piece.reader.here if piece.reader is not None else None for piece in line]
        translators = [None if reader is None else reader.translator for reader in readers]
        if not any(translators):
            return ""
        return " ".join(
            piece.text.strip() if translator is None else translator.translate([piece.text])[0]
            for piece, translator in zip(line, translators, strict=True)
        )

    def _routed(self, language: Language) -> Callable[..., list[tuple[Piece, ...]]]:
        """Texts to spans with their readers, as things stand."""
        return partial(
            route,
            language=language,
            active=self._module_cache.active,
            default=self._default_language,
            base_languages=self._base_languages,
        )

    @torch.no_grad()
    def encode(self, prompts: Prompts) -> tuple[Embeddings, Embeddings | None] | None:
        """Embeddings of all prompts, or None when the base reads every one as it is. A negative prompt goes the way of its prompt.

        Raises UnknownLanguage, WrongRequest, and DoesNotFit for a language nobody reads and for a batch that cannot be drawn.
        """
        with self._lock:
            return self._encode(prompts)

    def _encode(self, prompts: Prompts) -> tuple[Embeddings, Embeddings | None] | None:
        routed = self._routed(prompts.language)
        lines = routed(prompts.positive)
        if all(line == (Piece(text, None),) for line, text in zip(lines, prompts.positive, strict=True)):
            self._switch_patches((None,))
            return None
        negatives = None
        if prompts.negative is not None:
            negatives = routed(prompts.negative, leads=[line[0].reader for line in lines])
        readers = dict.fromkeys(piece.reader for line in [*lines, *(negatives or [])] for piece in line)
        self._check_exclusive(tuple(readers))
        rows = self._rows(lines, negatives or [], prompts)
        encoded = self._windows(lines, negatives or [], rows)
        if prompts.is_masked:
            encoded = list(aligned(dict(enumerate(encoded))).values())
        _check_one_length([*lines, *(negatives or [])], encoded)
        count = len(lines)
        return join(encoded[:count]), join(encoded[count:]) if negatives is not None else None

    def _rows(
        self, lines: Sequence[Sequence[Piece]], negatives: Sequence[Sequence[Piece]], prompts: Prompts
    ) -> dict[tuple[Piece, bool], Row]:
        """A row for each piece, positive or negative: from the cache where it was read before."""
        asked = dict.fromkeys([(piece, False) for line in lines for piece in line])
        asked |= dict.fromkeys([(piece, True) for line in negatives for piece in line])
        rows: dict[tuple[Piece, bool], Row] = {}
        unread: list[tuple[Piece, bool]] = []
        for piece, is_negative in asked:
            key = _key(piece, is_negative)
            found = None if key is None else self._cache.find(key, prompts.device)
            if found is None:
                unread.append((piece, is_negative))
            else:
                rows[piece, is_negative] = found
        changing = [piece.reader for piece, _ in asked if piece.reader is not None and piece.reader.is_patching]
        self._module_cache.need(
            dict.fromkeys([*changing, *(piece.reader for piece, _ in unread if piece.reader is not None)])
        )
        self._switch_patches(tuple(dict.fromkeys(piece.reader for piece, _ in asked)))
        if not unread:
            return rows
        self.move(prompts.device)
        items = {
            (piece, is_negative): Item(piece.text, None if piece.reader is None else piece.reader.here, is_negative)
            for piece, is_negative in unread
        }
        made = read(list(items.values()), prompts, self._module_cache)
        for each, item in items.items():
            rows[each] = made[item]
            if (key := _key(*each)) is not None and key not in self._cache:
                self._cache.keep(key, made[item])
        return rows

    def _windows(
        self,
        lines: Sequence[Sequence[Piece]],
        negatives: Sequence[Sequence[Piece]],
        rows: dict[tuple[Piece, bool], Row],
    ) -> list[Embeddings]:
        """One row for each prompt, then for each negative; those of a prompt with several spans fill the longest window there is."""
        longest = max(row.length for row in rows.values())
        mixed = [len(line) > 1 for line in lines]
        mixed += [len(line) > 1 or mixed[place] for place, line in enumerate(negatives)]
        signed = [[(piece, False) for piece in line] for line in lines]
        signed += [[(piece, True) for piece in line] for line in negatives]
        encoded = []
        for line, is_mixed in zip(signed, mixed, strict=True):
            own = [rows[each] for each in line]
            whole = len(own) == 1 and (own[0].length == longest or not is_mixed)
            encoded.append(own[0].encoded if whole else fill_window(own, longest))
        return encoded

    def _check_exclusive(self, readers: Sequence[RegisteredModule | None]) -> None:
        """DoesNotFit when several of `readers` want a denoiser of their own, asked before anything is read or changed."""
        wanted = {reader if reader is not None and reader.is_exclusive else None for reader in readers}
        if len(wanted) > 1:
            names = dict.fromkeys("the base" if each is None else f"`{each.name}`" for each in readers)
            raise DoesNotFit(
                f"one batch is drawn by one denoiser, and {' and '.join(names)} do not share theirs: "
                "draw their prompts in separate calls."
            )

    def _switch_patches(self, readers: Sequence[RegisteredModule | None]) -> None:
        """Change the base as those who read this batch want it, and undo what others changed."""
        for loaded in self._module_cache.values():
            wanted = any(each is not None and each.here is loaded for each in readers)
            if loaded.patch is not None and loaded.patch.exclusive and not wanted:
                loaded.patch.switch(False)
        for reader in readers:
            if reader is not None and reader.is_exclusive and reader.here is not None:
                assert reader.here.patch is not None
                reader.here.patch.switch(True)


def _key(piece: Piece, is_negative: bool) -> Key | None:
    """By which the piece is kept; None for what a base reads, whose own encoder may change."""
    if piece.reader is None or not piece.reader.has_module:
        return None
    config = piece.reader.config
    if not piece.text.strip() and config.empty != "encode":
        return None
    return Key(piece.text, piece.reader.name, config.negative if is_negative else config.positive)


def _check_one_length(lines: Sequence[Sequence[Piece]], encoded: Sequence[Embeddings]) -> None:
    """A denoiser without a mask reads one number of tokens at a time: padding would be read as words."""
    lengths: dict[int, str] = {}
    for line, row in zip(lines, encoded, strict=True):
        reader = line[0].reader
        lengths.setdefault(row.tokens_BLC.shape[1], f"`{reader.name}`" if reader is not None else "the base")
    if len(lengths) > 1:
        found = " and ".join(f"{length} from {reader}" for length, reader in lengths.items())
        raise DoesNotFit(
            f"one call takes prompts of one number of tokens, and these have {found}: draw them in separate calls."
        )
