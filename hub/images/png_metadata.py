"""Save PNG files with text fields that record how an image was generated, and read them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hub.errors import DamagedFile, Unreachable
from hub.images.generate import GenerationSettings, PromptWithLanguage

LIBRARIES = ("linguahub", "torch", "diffusers", "transformers", "peft", "pillow")


def generation_fields(
    base: str, adapters: Sequence[str], revisions: Sequence[str], pipe: Any, settings: GenerationSettings
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


def prompt_fields(prompts: Sequence[PromptWithLanguage]) -> dict[str, str]:
    """Return the fields of an image's prompts, one per line; a language is empty if it was detected."""
    return {
        "prompt": "\n".join(prompt.text for prompt in prompts),
        "language": "\n".join(prompt.language for prompt in prompts),
    }


def encode_png(image: Image.Image, fields: Mapping[str, str]) -> bytes:
    """Return `image` with text `fields` as a PNG file."""
    text = PngInfo()
    for key, value in fields.items():
        text.add_itxt(key, value)  # UTF-8, which PNG's plain text fields are not
    file = io.BytesIO()
    image.save(file, format="PNG", pnginfo=text)
    return file.getvalue()


def save_png(image: Image.Image, path: Path, fields: Mapping[str, str]) -> None:
    """Write `image` with text `fields`, atomically. Raises Unreachable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".unfinished-") as folder:
            unfinished = Path(folder) / path.name
            unfinished.write_bytes(encode_png(image, fields))
            unfinished.replace(path)
    except OSError as error:
        raise Unreachable(f"`{path}` cannot be written: {error.strerror or error}.") from error


def read_fields(path: Path) -> dict[str, str]:
    """Return the text fields of a PNG file. Raises DamagedFile if it is incomplete."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            image.load()  # Fields may follow the pixels, and a truncated file must be refused.
            return {str(key): str(value) for key, value in image.info.items() if isinstance(value, str)}
    except (OSError, SyntaxError, ValueError) as error:
        raise DamagedFile(f"`{path}` is not a complete PNG file: remove it to generate it again.") from error
