"""Cache the modules of one pipeline within a budget of bytes, by LRU.

Over the budget, the least recently used modules are evicted: inactive ones first, then active ones that the current call does
not need. Evicted modules keep their names and languages; their weights are reloaded on demand.
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
from hub.weights.devices import is_on

logger = logging.getLogger(__name__)
Reload = Callable[[], LoadedModule]
"""Loads a module again from the same files."""


@dataclass(slots=True, eq=False)
class RegisteredModule:
    """A module of this pipeline, in memory or evicted."""

    name: str
    config: ModuleConfig
    reload: Reload
    loaded: LoadedModule | None
    """None while it is evicted."""
    has_module: bool = True
    """Whether it computes embeddings itself; otherwise the base's own encoder does, patched or given a translation."""
    is_patching: bool = False
    """Whether it patches the base."""
    is_exclusive: bool = False
    """Whether its patch changes every image."""
    used: int = 0
    """LRU clock; larger is more recent."""


class ModuleCache(Mapping[str, LoadedModule]):
    """The loaded modules by name, including evicted ones."""

    def __init__(self, budget: int | None = None) -> None:
        self._budget = budget
        self._registered: dict[str, RegisteredModule] = {}
        self.active: tuple[RegisteredModule, ...] = ()
        """Earlier ones take precedence."""
        self._clock = 0
        self.banks = Banks()

    def __getitem__(self, name: str) -> LoadedModule:
        loaded = self._registered[name].loaded
        if loaded is None:
            raise KeyError(name)
        return loaded

    def __iter__(self) -> Iterator[str]:
        return (each.name for each in self._registered.values() if each.loaded is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def names(self) -> list[str]:
        """Return the names of all modules, in memory or evicted."""
        return list(self._registered)

    def refuse_duplicate_name(self, name: str) -> None:
        """Raise DoesNotFit if `name` is taken. Call it before the base is patched for the new module."""
        if name in self._registered:
            raise DoesNotFit(f"a module called `{name}` is already loaded: `pipe.unload()` removes all modules.")

    def add(self, loaded: LoadedModule, reload: Reload) -> None:
        """Register `loaded` and activate it last. Raises DoesNotFit if its name is taken."""
        self.refuse_duplicate_name(loaded.name)
        patch = loaded.patch
        registered = RegisteredModule(
            loaded.name, loaded.config, reload, loaded,
            has_module=loaded.module is not None, is_patching=patch is not None,
            is_exclusive=patch is not None and patch.exclusive,
        )  # fmt: skip
        self._registered[loaded.name] = registered
        self.active = (*self.active, registered)
        self._use(registered)
        self._keep_within_budget((registered,))

    def activate(self, names: Sequence[str]) -> None:
        """Activate exactly these, and reload evicted ones as far as the budget allows."""
        self.active = tuple(self._registered[name] for name in dict.fromkeys(names))
        for registered in reversed(self.active):
            self._use(registered)
        for registered in self.active:
            if registered.loaded is None:
                self.need((registered,))

    def need(self, wanted: Collection[RegisteredModule]) -> None:
        """Load all of `wanted`, and evict others if the budget requires it."""
        for registered in wanted:
            self._use(registered)
            if registered.loaded is None:
                registered.loaded = registered.reload()
                logger.info("`%s` reloaded: %d bytes", registered.name, registered.loaded.size_bytes)
        self._keep_within_budget(wanted)

    def clear(self) -> None:
        """Remove all modules and their patches."""
        for loaded in self.values():
            if loaded.patch is not None:
                loaded.patch.remove()
        self._registered, self.active = {}, ()
        self.banks.clear()

    def move(self, device: torch.device, of: Collection[RegisteredModule] | None = None) -> None:
        """Move modules and their encoders, by default all, to `device`. A freed encoder is not reloaded."""
        # A batch that mixes modules reads through a stack of all of their shape.
        alone = of if of is not None and len({*of}) == 1 else None
        modules = [each for loaded in self._loaded(alone) for each in _modules(loaded)]
        if not all(is_on(module, device) for module in modules):
            self.banks.clear()
            for module in modules:
                module.to(device)
        for shared in self._encoders(of):
            shared.move(device)

    def move_patches(self, device: torch.device) -> None:
        """Move what patches keep outside of the base to `device`."""
        for loaded in self.values():
            if loaded.patch is not None:
                loaded.patch.move(device)

    @property
    def size_bytes(self) -> int:
        """Return the size of everything in memory, counting shared encoders once."""
        return sum(each.size_bytes for each in self.values()) + sum(each.size_bytes for each in self._encoders())

    def _encoders(self, of: Collection[RegisteredModule] | None = None) -> list[SharedEncoder]:
        return list(dict.fromkeys(encoder for each in self._loaded(of) for encoder in each.shared))

    def _loaded(self, of: Collection[RegisteredModule] | None) -> list[LoadedModule]:
        return [*self.values()] if of is None else [each.loaded for each in of if each.loaded is not None]

    def _use(self, registered: RegisteredModule) -> None:
        self._clock += 1
        registered.used = self._clock

    def _keep_within_budget(self, needed: Collection[RegisteredModule]) -> None:
        if self._budget is None:
            return
        leaving = [each for each in self._registered.values() if each.loaded is not None and each not in needed]
        leaving.sort(key=lambda each: (each in self.active, each.used))
        for registered in leaving:
            if (size := self.size_bytes) <= self._budget:
                return
            self._evict(registered)
            logger.info(
                "`%s` evicted: modules took %d of %d bytes, now %d",
                registered.name, size, self._budget, self.size_bytes,
            )  # fmt: skip
        if (size := self.size_bytes) > self._budget:
            logger.warning(
                "modules take %d of %d bytes, and all of them are needed now: %s",
                size, self._budget, ", ".join(self),
            )  # fmt: skip

    def _evict(self, registered: RegisteredModule) -> None:
        assert registered.loaded is not None
        if registered.loaded.patch is not None:
            registered.loaded.patch.remove()
        registered.loaded = None
        self.banks.shrink(tuple(self.values()))


def _modules(loaded: LoadedModule) -> list[nn.Module]:
    translator = None if loaded.translator is None else loaded.translator.model
    return [each for each in (loaded.module, translator) if each is not None]
