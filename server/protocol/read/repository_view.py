"""A repository as the protocol describes it. Properties are read lazily and once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from hub.cards.card import FILE
from hub.local import LocalHub
from hub.publish.publish import count_weights
from hub.records import Artifact, File, Revision
from hub.registry.artifacts.repositories import used_bytes
from hub.store.read_whole import read_whole
from hub.strict_json import parse_json
from server.http.card import front_matter_of

_MAX_CONFIG = 1 << 20
"""Largest config.json that is read, in bytes."""
_OF_TRANSFORMERS = ("architectures", "model_type", "quantization_config", "auto_map")
_OF_PEFT = ("base_model_name_or_path", "task_type", "peft_type")


class RepositoryView:
    """An artifact with the files of one revision."""

    def __init__(self, hub: LocalHub, artifact: Artifact, commit: str, files: tuple[File, ...]) -> None:
        self.hub = hub
        self.artifact = artifact
        self.commit = commit
        """Id of the revision; empty if all are yanked."""
        self.files = files
        self.is_dataset = artifact.name.is_dataset

    @classmethod
    def of(cls, hub: LocalHub, artifact: Artifact, revision: Revision) -> RepositoryView:
        """Return the artifact at a revision."""
        return cls(hub, artifact, revision.id, revision.files)

    @cached_property
    def card(self) -> dict[str, Any] | None:
        """Return the card's front matter; None without one."""
        return front_matter_of(self.hub.store, next((file for file in self.files if file.path == FILE), None))

    @cached_property
    def config(self) -> dict[str, Any] | None:
        """Return the fields of the transformers, diffusers and PEFT configurations that lists include; None without any."""
        found = {key: value for key, value in self._json("config.json").items() if key in _OF_TRANSFORMERS}
        if pipeline := self._json("model_index.json"):
            found["diffusers"] = {"_class_name": pipeline.get("_class_name")}
        if adapter := self._json("adapter_config.json"):
            found["peft"] = {key: adapter.get(key) for key in _OF_PEFT}
        return found or None

    @cached_property
    def safetensors(self) -> dict[str, Any] | None:
        """Return the number of parameters by dtype and in total; None without weights."""
        counts: dict[str, int] = {}
        for each in count_weights(self.files, self.hub.store, self.artifact.weights).values():
            for type, number in each.items():
                counts[type] = counts.get(type, 0) + number
        return {"parameters": counts, "total": sum(counts.values())} if counts else None

    @cached_property
    def used_bytes(self) -> int:
        """Return the size of all revisions in bytes, counting each blob once."""
        return used_bytes(self.hub.registry.database, self.artifact.name)

    def _json(self, path: str) -> dict[str, Any]:
        for file in self.files:
            if file.path == path and file.size_bytes <= _MAX_CONFIG:
                try:
                    found = parse_json(read_whole(self.hub.store, file.digest, file.size_bytes) or b"")
                except ValueError:
                    return {}
                return found if isinstance(found, dict) else {}
        return {}
