"""List the pipelines of the installed diffusers that take prompts, from its source, without importing it."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_CLASS = re.compile(r"^class (\w+Pipeline)\((.*?)\):\n(.*?)(?=^(?:class|def|@)|\Z)", re.MULTILINE | re.DOTALL)
_PROMPTS = re.compile(r"^    def (?:_?encode_prompt\(|__call__\([^)]*?^ +prompts?\b)", re.MULTILINE | re.DOTALL)
"""A prompt encoder, or prompts among the arguments of a call."""


@cache
def pipelines_with_prompts() -> frozenset[str]:
    """Return the classes that take prompts, those that inherit it included."""
    found = {
        name: (re.findall(r"\w+", bases), body)
        for path in sorted(_folder().rglob("pipeline*.py"))
        for name, bases, body in _CLASS.findall(path.read_text(encoding="utf-8"))
    }

    def takes_prompts(name: str) -> bool:
        bases, body = found.get(name, ([], ""))
        return _PROMPTS.search(body) is not None or any(takes_prompts(base) for base in bases)

    return frozenset(name for name in found if takes_prompts(name))


def _folder() -> Path:
    spec = find_spec("diffusers")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pipelines"
