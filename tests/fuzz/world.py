"""The objects of the requests: accounts, repositories, and data from earlier responses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import numpy as np
from safetensors.numpy import save

from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import Deletion, commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from tests.builders.server.people import ROOT, add_people

ADA = Actor("ada")
REPOSITORIES = {"ada/open": {}, "ada/gated": {"gated": "manual"}, "ada/secret": {"private": True}, "lab/shared": {}}
DATASETS = ("ada/names",)
CARD = """---
license: apache-2.0
language: [yo, sw]
tags: [text-to-image]
pipeline_tag: text-to-image
---
# A module
"""
WEIGHTS = save({"weight": np.arange(64, dtype=np.float32).reshape(8, 8)})
FILES = {
    "README.md": CARD.encode(), "model.safetensors": WEIGHTS, "config.json": b'{"architectures": ["X"]}', "a/b/c.txt": b"deep", "notes.txt": b"text",
}  # fmt: skip
_KEPT = 50
"""How many of each kind of word from responses are remembered."""


@dataclass
class World:
    """A hub, the credentials of its users, and words from responses."""

    hub: LocalHub
    tokens: dict[str, str] = field(default_factory=dict)
    """Credential → token; empty for anonymous requests."""
    words: dict[str, list[str]] = field(default_factory=dict)
    """Kind (`links`, `cursors`, `commits`, `cas`) → what responses contained, newest last."""

    @classmethod
    def make(cls, hub: LocalHub) -> World:
        """Add the accounts and repositories."""
        add_people(hub, "ada", "bob")
        world = cls(hub)
        world.restore()
        return world

    def restore(self) -> None:
        """Add again what requests have deleted, and make new tokens."""
        for name, settings in REPOSITORIES.items():
            self._add(ArtifactName.parse(name, ""), **settings)
        for name in DATASETS:
            self._add(ArtifactName.parse(f"datasets/{name}", ""))
        accounts, make = self.hub.accounts, self.hub.tokens.create
        self.tokens = {
            "": "", "ada": make(accounts.get("ada"), "write", ROOT), "bob": make(accounts.get("bob"), "write", ROOT),
            "read": make(accounts.get("ada"), "read", ROOT), "narrow": make(accounts.get("ada"), "write", ROOT, artifact="ada/open"),
        }  # fmt: skip

    def _add(self, name: ArtifactName, **settings: str | bool) -> None:
        registry, store = self.hub.registry, self.hub.store
        if registry.head(name) is None:
            create(name, registry, store, ADA)
        held = [Deletion(file.path) for file in registry.revision(name).files if file.path not in FILES]
        for changes in (held, [File(path, *store.put(content)) for path, content in FILES.items()]):
            commit(registry.get(name), changes, registry, store, ADA, message="Restore")
        change_settings(registry.database, name, ADA, **{"private": False, "gated": "", **settings})

    def word(self, kind: str, default: str, chosen: float) -> str:
        """Return a remembered word; `chosen` is a random number."""
        known = self.words.get(kind)
        return known[int(chosen * len(known))] if known else default

    def learn(self, headers: dict[str, str], body: bytes) -> None:
        """Remember links, cursors, commits and addresses of the content-addressed store."""
        text = body[:20_000].decode("utf-8", "replace")
        self._keep("links", re.findall(r"https?://[^/\"]+(/lfs/[^\"]+)\"", text))
        self._keep("commits", re.findall(r"\"(?:commitOid|sha|oid|id)\": ?\"([0-9a-f]{40,64})\"", text))
        self._keep("git commits", re.findall(r"([0-9a-f]{40}) refs/", text))
        self._keep("cursors", re.findall(r"[?&]cursor=([^&>\"]+)", headers.get("link", "") + text))
        self._keep("codes", re.findall(r"_code\": ?\"([^\"]+)\"", text))
        if "x-xet-cas-url" in headers:
            address = re.sub(r"^https?://[^/]+", "", headers["x-xet-cas-url"])
            self._keep("cas", [json.dumps([address, headers["x-xet-access-token"]])])

    def _keep(self, kind: str, found: list[str]) -> None:
        self.words[kind] = [*self.words.get(kind, ()), *found][-_KEPT:]
