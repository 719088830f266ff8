"""Text encoders shared by modules: released with the last module, or earlier if freed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import torch

from hub.encoders.text_encoder import TextEncoder
from hub.weights.sizes import bytes_of


class SharedEncoder:
    """An encoder that can be freed and is reloaded on demand."""

    def __init__(self, read: Callable[[], TextEncoder]) -> None:
        self._read = read
        self._here: TextEncoder | None = read()
        self._device = self._here.device

    def get(self) -> TextEncoder:
        """Return the encoder, reloading it if it was freed."""
        if self._here is None:
            self._here = self._read()
            self._here.model.to(self._device)
        return self._here

    def free(self) -> int:
        """Free the encoder until the next `get`. Returns the bytes freed."""
        freed = self.size_bytes
        self._here = None
        return freed

    def move(self, device: torch.device) -> None:
        """Move the encoder to `device`, now or when it is reloaded."""
        self._device = device
        if self._here is not None and self._here.device != device:
            self._here.model.to(device)

    @property
    def size_bytes(self) -> int:
        """Return the size of its weights in memory; 0 while it is freed."""
        return 0 if self._here is None else bytes_of(self._here.model)


class Encoders:
    """Encoders by folder, referenced weakly: only loaded modules keep them alive."""

    def __init__(self) -> None:
        self._by_folder: WeakValueDictionary[Path, SharedEncoder] = WeakValueDictionary()

    def at(self, folder: Path, read: Callable[[], TextEncoder]) -> SharedEncoder:
        """Return the encoder of `folder`, calling `read` if it is not in memory."""
        found = self._by_folder.get(folder)
        if found is None:
            found = self._by_folder[folder] = SharedEncoder(read)
        return found

    def free(self) -> int:
        """Free all encoders. Returns the bytes freed."""
        return sum(each.free() for each in list(self._by_folder.values()))
