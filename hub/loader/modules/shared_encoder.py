"""Text encoders in memory: one for all residents that read it, gone with the last of them, or sooner when it is freed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from weakref import WeakValueDictionary

import torch

from hub.encoders.encoder import TextEncoder
from hub.weights.memory import bytes_of


class SharedEncoder:
    """An encoder that can be let go, and is read again when somebody asks."""

    def __init__(self, read: Callable[[], TextEncoder]) -> None:
        self._read = read
        self._here: TextEncoder | None = read()
        self._device = self._here.device

    def get(self) -> TextEncoder:
        """The encoder, read from its folder if it was freed."""
        if self._here is None:
            self._here = self._read()
            self._here.model.to(self._device)
        return self._here

    def free(self) -> int:
        """Let it go until `get`; the bytes that its weights held."""
        freed = self.size_bytes
        self._here = None
        return freed

    def move(self, device: torch.device) -> None:
        """To `device`, now or when it is read again."""
        self._device = device
        if self._here is not None and self._here.device != device:
            self._here.model.to(device)

    @property
    def size_bytes(self) -> int:
        """Of its weights in memory; 0 while it is freed."""
        return 0 if self._here is None else bytes_of(self._here.model)


class Encoders:
    """Encoders by folder. Residents hold them; nobody else does, so the last one takes its encoder along."""

    def __init__(self) -> None:
        self._by_folder: WeakValueDictionary[Path, SharedEncoder] = WeakValueDictionary()

    def at(self, folder: Path, read: Callable[[], TextEncoder]) -> SharedEncoder:
        """The one that was read from `folder`, or a new one that `read` gives."""
        found = self._by_folder.get(folder)
        if found is None:
            found = self._by_folder[folder] = SharedEncoder(read)
        return found

    def free(self) -> int:
        """Let all go; the bytes that they held."""
        return sum(each.free() for each in list(self._by_folder.values()))
