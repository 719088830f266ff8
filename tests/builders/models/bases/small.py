"""How to build and call the small base of a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Small:
    """A family's small random base of the real classes."""

    make: Callable[[], Any]
    """Returns the pipeline."""
    parts: Callable[[], Mapping[str, Any]] = dict
    """Returns components that the caller of `load_pipeline` passes: those that a small base cannot have in its folder."""
    call: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of a call besides the prompt: `{"height": 32, "width": 32}`."""
    guided: Mapping[str, Any] | None = field(default_factory=dict)
    """Further arguments with which it reads negative prompts; None if it never does."""
    batched: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of a call with several prompts."""
    shape: tuple[int, ...] = (32, 32, 3)
    """Shape of one image, (H, W, 3), or video, (F, H, W, 3)."""
    routes: Mapping[str, Callable[[Any], tuple[str, dict[str, Any], dict[str, Any]]]] = field(default_factory=dict)
    """Route (`img2img`) → a function of the pipeline that returns another class, its components and arguments of its call.

    `shape` among the arguments is that of the route's images."""
    shrinks: Callable[[], AbstractContextManager[None]] = nullcontext
    """Shrinks sizes that diffusers fixes, while the other classes draw."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Attributes of a pipeline that diffusers sets to large sizes, with small ones."""
    encode: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `encode_prompt`."""
