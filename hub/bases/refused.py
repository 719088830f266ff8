"""Pipelines of diffusers that take prompts and cannot take the embeddings of modules, with the reason."""

from __future__ import annotations

_WRITTEN = "a language model writes the image's tokens from the prompt itself, and embeddings hold only the quoted text"

_BY_REASON = {_WRITTEN: "GlmImage"}
REFUSED = {f"{name}Pipeline": reason for reason, names in _BY_REASON.items() for name in names.split()}
"""Class → the reason. Classes that no family has and that are not here could become a family."""
