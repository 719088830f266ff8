"""How an image was made, as text fields of a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.images.generate import Settings, Spoken
from hub.weights.digest import digest_of

if TYPE_CHECKING:
    from hub.local import LocalHub

LIBRARIES = ("linguahub", "torch", "diffusers", "transformers", "peft", "pillow")


def revision_of(hub: LocalHub, name: str) -> str:
    """Return the revision id of `name` or `name@revision`; for a folder, the digest of its weights."""
    if Path(name).is_dir():
        return digest_of(Path(name))
    artifact, _, revision = name.partition("@")
    return hub.registry.revision(artifact, revision or "main").id


def made_by(
    base: str, adapters: Sequence[str], revisions: Sequence[str], pipe: Any, settings: Settings
) -> dict[str, str]:
    """Return the fields of all images that `pipe` generates with `settings`. `revisions`: the base's, then the adapters'."""
    return {
        "Software": "linguahub",
        "base": base,
        "base revision": revisions[0],
        "adapter": ", ".join(adapters),
        "adapter revision": ", ".join(revisions[1:]),
        "negative prompt": settings.negative,
        "seed": str(settings.seed),
        "steps": str(settings.steps),
        "guidance": f"{settings.guidance:g}",
        "scheduler": type(pipe.scheduler).__name__,
        "device": str(pipe.device),
        "type": str(pipe.dtype).removeprefix("torch."),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
    }


def of_prompts(prompts: Sequence[Spoken]) -> dict[str, str]:
    """Return the fields of an image's prompts, one per line; a language is empty if it was detected."""
    return {
        "prompt": "\n".join(prompt.text for prompt in prompts),
        "language": "\n".join(prompt.language for prompt in prompts),
    }
