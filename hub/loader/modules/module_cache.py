"""The modules of one pipeline: those in memory within a budget of bytes, and those that left and can come back.

Over the budget, what was used longest ago leaves: inactive ones first, then active ones that nobody needs just now. Whoever
left is named, listed and routed to as before; its weights are read again when they are needed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from hub.errors import DoesNotFit
from hub.loader.modules.loaded_module import LoadedModule
from hub.loader.modules.module_config import ModuleConfig
from hub.loader.modules.shared_encoder import SharedEncoder
from hub.loader.modules.stacked_projectors import Banks

logger = logging.getLogger(__name__)
Reload = Callable[[], LoadedModule]
"""Reads a resident once more, from the very files that it came from."""


@dataclass(slots=True, eq=False)
class RegisteredModule:
    """A module that this pipeline knows, in memory or not."""

    name: str
    config: ModuleConfig
    reload: Reload
    here: LoadedModule | None
    has_module: bool = True
    """Whether weights of its own give the embeddings; else the base's own encoder does, changed or given a translation."""
    is_patching: bool = False
    """Whether it changes anything in the base."""
    is_exclusive: bool = False
    """Whether it draws with a denoiser of its own."""
    used: int = 0
    """The larger, the later it was used."""


class ModuleCache(Mapping[str, LoadedModule]):
    """Those in memory, by name."""

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._known: dict[str, RegisteredModule] = {}
        self._active: tuple[RegisteredModule, ...] = ()
        self._clock = 0
        self.banks = Banks()

    def __getitem__(self, name: str) -> LoadedModule:
        here = self._known[name].here
        if here is None:
            raise KeyError(name)
        return here

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in self._known.values() if each.here is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def active(self) -> tuple[RegisteredModule, ...]:
        """Those that work, the first one before the others."""
        return self._active

    def names(self) -> list[str]:
        """Of all, in memory or not."""
        return list(self._known)

    def refuse_duplicate_name(self, name: str) -> None:
        """DoesNotFit when one is called `name`; asked before anything of the base is changed for another one."""
        if name in self._known:
            raise DoesNotFit(f"a module called `{name}` is resident already: `pipe.unload()` takes all away.")

    def add(self, loaded: LoadedModule, reload: Reload) -> None:
        """Make `loaded` known and active, last in line. Raises DoesNotFit when another one has its name."""
        self.refuse_duplicate_name(loaded.name)
        patch = loaded.patch
        known = RegisteredModule(
            loaded.name, loaded.config, reload, loaded,
            has_module=loaded.module is not None, is_patching=patch is not None,
            is_exclusive=patch is not None and patch.exclusive,
        )  # fmt: skip
        self._known[loaded.name] = known
        self._active = (*self._active, known)
        self._use(known)
        self._keep_within_budget((known,))

    def activate(self, names: Sequence[str]) -> None:
        """Let exactly these work; those that left come back, as many as the budget holds."""
        self._active = tuple(self._known[name] for name in dict.fromkeys(names))
        for known in reversed(self._active):
            self._use(known)
        if self._budget is None or all(each.here is not None for each in self._active):
            return
        for known in self._active:
            if known.here is None:
                self.need((known,))

    def need(self, wanted: Collection[RegisteredModule]) -> None:
        """Have all of `wanted` in memory, and others leave for them."""
        for known in wanted:
            self._use(known)
            if known.here is None:
                known.here = known.reload()
                logger.info("`%s` came back: %d bytes", known.name, known.here.size_bytes)
        self._keep_within_budget(wanted)

    def clear(self) -> None:
        """Forget all, and take back what they changed."""
        for loaded in self.values():
            if loaded.patch is not None:
                loaded.patch.remove()
        self._known, self._active = {}, ()
        self.banks.clear()

    def move(self, device: torch.device) -> None:
        """Bring modules and encoders to `device`; nothing happens when they are there. A freed encoder stays away."""
        for loaded in self.values():
            if loaded.patch is not None:
                loaded.patch.move(device)
        modules = [each for loaded in self.values() for each in _modules(loaded)]
        if not all(_is_on(module, torch.device(device)) for module in modules):
            self.banks.clear()
            for module in modules:
                module.to(device)
        for shared in self._encoders():
            shared.move(torch.device(device))

    @property
    def size_bytes(self) -> int:
        """Of all in memory, with each encoder once."""
        return sum(each.size_bytes for each in self.values()) + sum(each.size_bytes for each in self._encoders())

    def _encoders(self) -> list[SharedEncoder]:
        return list(dict.fromkeys(encoder for each in self.values() for encoder in each.shared))

    def _use(self, known: RegisteredModule) -> None:
        self._clock += 1
        known.used = self._clock

    def _keep_within_budget(self, needed: Collection[RegisteredModule]) -> None:
        if self._budget is None:
            return
        leaving = [each for each in self._known.values() if each.here is not None and each not in needed]
        leaving.sort(key=lambda each: (each in self._active, each.used))
        for known in leaving:
            if (size := self.size_bytes) <= self._budget:
                return
            self._let_go(known)
            logger.info(
                "`%s` left: residents took %d bytes of %d, and take %d now",
                known.name, size, self._budget, self.size_bytes,
            )  # fmt: skip
        if (size := self.size_bytes) > self._budget:
            logger.warning(
                "residents take %d bytes of %d, and all of them are needed now: %s",
                size, self._budget, ", ".join(self),
            )  # fmt: skip

    def _let_go(self, known: RegisteredModule) -> None:
        assert known.here is not None
        if known.here.patch is not None:
            known.here.patch.remove()
        known.here = None
        self.banks.shrink(tuple(self.values()))


def _modules(loaded: LoadedModule) -> list[nn.Module]:
    translator = None if loaded.translator is None else loaded.translator.model
    return [each for each in (loaded.module, translator) if each is not None]


def _is_on(module: nn.Module, device: torch.device) -> bool:
    here = next(module.parameters()).device
    return here.type == device.type and device.index in {None, here.index}
