"""The request that a generation process is sent. No tensor library: the server writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """An artifact at one revision."""

    name: str
    """`owner/name`."""
    revision: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One prompt, from which a base generates several columns of images with the same noise."""

    prompt: str
    language: str
    """BCP-47 tag of the prompt."""
    base: Pinned
    columns: tuple[Pinned | None, ...]
    """The module of each column; None for the base alone, which reads the prompt untranslated."""
    seed: int
    steps: int | None = None
    """Denoising steps; None for the base's default."""
    guidance: float | None = None
    """Guidance scale; None for the base's default."""

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> GenerationRequest:
        """Return the request that `to_json` made `values` of."""
        columns = tuple(None if each is None else Pinned(**each) for each in values["columns"])
        return cls(**{**values, "base": Pinned(**values["base"]), "columns": columns})
