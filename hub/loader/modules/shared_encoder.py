"""Share text encoders between modules. An encoder is released with its last module, or when it is freed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch

from hub.encoders.text_encoder import TextEncoder
from hub.weights.devices import is_on
from hub.weights.module_size import bytes_of


class SharedEncoder:
    """An encoder that can be freed and is reloaded on demand."""

    def __init__(self, read: Callable[[], TextEncoder]) -> None:
        self._read = read
        self._encoder: TextEncoder | None = read()
        self._device = self._encoder.device

    def get(self) -> TextEncoder:
        """Return the encoder, reloading it if it was freed."""
        if self._encoder is None:
            self._encoder = self._read()
            self._encoder.model.to(self._device)
        return self._encoder

    def free(self) -> int:
        """Free the encoder until the next `get`. Return the bytes freed."""
        freed = self.size_bytes
        self._encoder = None
        return freed

    def move(self, device: torch.device) -> None:
        """Move the encoder to `device`, now or when it is reloaded."""
        self._device = device
        if self._encoder is not None and not is_on(self._encoder.model, device):
            self._encoder.model.to(device)

    @property
    def size_bytes(self) -> int:
        """Return the size of its weights in memory; 0 while it is freed."""
        return 0 if self._encoder is None else bytes_of(self._encoder.model)


class Encoders:
    """Encoders by folder, referenced weakly: only loaded modules keep them alive."""

    def __init__(self) -> None:
        self._by_folder: WeakValueDictionary[Path, SharedEncoder] = WeakValueDictionary()

    def __deepcopy__(self, memo: dict[int, Any]) -> Encoders:
        """Copy the encoders too: a `WeakValueDictionary` copies its keys alone."""
        made = memo[id(self)] = Encoders()
        made._by_folder.update((folder, deepcopy(each, memo)) for folder, each in self._by_folder.items())
        return made

    def get_or_load(self, folder: Path, read: Callable[[], TextEncoder]) -> SharedEncoder:
        """Return the encoder of `folder`, calling `read` if it is not in memory."""
        found = self._by_folder.get(folder)
        if found is None:
            found = self._by_folder[folder] = SharedEncoder(read)
        return found

    def free(self) -> int:
        """Free all encoders. Return the bytes freed."""
        return sum(each.free() for each in list(self._by_folder.values()))
