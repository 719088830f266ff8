"""The part of `hub generate` that needs torch: load a pipeline, generate images, save them and report progress."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from hub.cli.terminal import count
from hub.cli.use.prompts import PromptLine
from hub.errors import InvalidRequest
from hub.images.contact_sheet import SheetRow, contact_sheet, square_rows
from hub.images.generate import GenerationSettings, PromptWithLanguage, compare, generate_images
from hub.images.png_metadata import (
    generation_fields,
    prompt_fields,
    read_fields,
    save_png,
)
from hub.loader import load_pipeline
from hub.weights.digest import digest_of
from hub.weights.threads import limit_threads

if TYPE_CHECKING:
    from hub.loader.base_source import BaseSource
    from hub.loader.sources import ModuleSource
    from hub.local import LocalHub

MUST_MATCH = (
    "prompt",
    "language",
    "base",
    "base revision",
    "adapter",
    "adapter revision",
    "negative prompt",
    "seed",
    "steps",
    "guidance",
)
"""Metadata that existing images must share with the batch that is resumed."""


@dataclass(kw_only=True)
class ImageRun:
    """One run of `hub generate`."""

    negative: str
    seed: int
    steps: int
    guidance: float
    quiet: bool
    _started: float = field(default_factory=time.perf_counter)

    def load(self, hub: LocalHub, base: str, names: Sequence[str], device: str) -> None:
        """Load the pipeline and look up the revisions of its parts."""
        import diffusers
        import transformers

        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        # It warns of torchvision, which nothing here needs, whenever an image processor is loaded.
        transformers.utils.logging.set_verbosity_error()
        self._pipe: Any = load_pipeline(base, list(names) or None, device=device or None, hub=hub)
        self._pipe.set_progress_bar_config(disable=self.quiet)
        found, modules = self._pipe.origin
        self._base = base
        # A stand-in is recorded with the module that it is.
        self._adapters = [
            name if each.name == each.short_name else f"{name} = {each.short_name}"
            for name, each in zip(names, modules, strict=True)
        ]
        self._revisions = [
            _revision_of_base(hub, found),
            *(_revision_of_module(hub, each, name) for name, each in zip(names, modules, strict=True)),
        ]
        self._settings = GenerationSettings(self.negative, self.seed, self.steps, self.guidance)
        self._fields = generation_fields(base, self._adapters, self._revisions, self._pipe, self._settings)
        self._loaded = time.perf_counter()

    def limit_threads(self) -> AbstractContextManager[None]:
        """Limit torch's threads to what the loaded pipeline needs."""
        models = [each for each in self._pipe.components.values() if isinstance(each, nn.Module)]
        parameters = sum(weight.numel() for model in models for weight in model.parameters())
        return limit_threads(self._pipe.device, parameters)

    def write_each(self, prompts: Sequence[PromptLine], paths: Sequence[Path], *, resume: bool) -> list[dict[str, Any]]:
        """Write an image for each prompt as soon as it is generated, and with `resume` keep existing ones. Return a record for each."""
        existing = {path for path in paths if resume and path.exists()}
        for prompt, path in zip(prompts, paths, strict=True):
            if path in existing:
                self._check_same(path, prompt)
        if existing:
            print(f"{len(existing)} of {count(len(paths), 'image')} exist already.", file=sys.stderr, flush=True)
        missing = [(prompt, path) for prompt, path in zip(prompts, paths, strict=True) if path not in existing]
        images = generate_images(self._pipe, [_to_text(prompt) for prompt, _ in missing], self._settings)
        for done, ((prompt, path), image) in enumerate(zip(missing, images, strict=True), 1):
            save_png(image, path, self._fields | prompt_fields([_to_text(prompt)]))
            if len(missing) > 1:
                print(f"{done} of {len(missing)}: {path}", file=sys.stderr, flush=True)
        return [
            self._record(prompt, path) | ({"skipped": path in existing} if resume else {})
            for prompt, path in zip(prompts, paths, strict=True)
        ]

    def write_grid(self, prompts: Sequence[PromptLine], path: Path) -> list[dict[str, Any]]:
        """Write one image of all results, with the prompts as captions. Return a record for each prompt."""
        texts = [_to_text(prompt) for prompt in prompts]
        rows = square_rows(list(generate_images(self._pipe, texts, self._settings)), [text.text for text in texts])
        save_png(contact_sheet(rows), path, self._fields | prompt_fields(texts))
        return [self._record(prompt, path) for prompt in prompts]

    def write_comparison(self, prompts: Sequence[PromptLine], path: Path) -> list[dict[str, Any]]:
        """Write one image with a row per prompt and a column per pipeline. Return a record for each prompt."""
        texts = [_to_text(prompt) for prompt in prompts]
        columns = []
        for column in compare(self._pipe, Path(self._base).name, texts, self._settings):
            columns.append(column)
            print(f"{len(columns)} of {len(self._adapters) + 1}: {column.heading}", file=sys.stderr, flush=True)
        headings = [column.heading for column in columns]
        rows = []
        for place, prompt in enumerate(texts):
            cells = [column.cells[place] for column in columns]
            label = f"{' '.join(prompt.text.split())}\n{prompt.language}"
            rows.append(SheetRow(label, [cell.image for cell in cells], [cell.caption for cell in cells]))
        footer = f"{Path(self._base).name} · seed {self.seed} · {self.steps} steps · guidance {self.guidance:g}"
        fields = self._fields | prompt_fields(texts) | {"columns": "\n".join(headings)}
        save_png(contact_sheet(rows, headings, footer=footer), path, fields)
        return [
            self._record(prompt, path)
            | {"columns": [
                {"heading": column.heading, "words": column.cells[place].caption, "drawn": column.cells[place].image is not None}
                for column in columns
            ]}
            for place, prompt in enumerate(prompts)
        ]  # fmt: skip

    def _record(self, prompt: PromptLine, path: Path) -> dict[str, Any]:
        return {
            "path": str(path), "prompt": prompt.text, "language": prompt.language, "base": self._base,
            "base_revision": self._revisions[0], "adapters": self._adapters, "adapter_revisions": self._revisions[1:],
            "seed": self.seed, "steps": self.steps, "guidance": self.guidance, "libraries": self._fields["libraries"],
            "load_seconds": round(self._loaded - self._started, 3), "draw_seconds": round(time.perf_counter() - self._loaded, 3),
        }  # fmt: skip

    def _check_same(self, path: Path, prompt: PromptLine) -> None:
        """Raise InvalidRequest if the existing image in `path` was generated with other settings."""
        found, wanted = read_fields(path), self._fields | prompt_fields([_to_text(prompt)])
        if different := [name for name in MUST_MATCH if found.get(name, "") != wanted[name]]:
            raise InvalidRequest(
                f"`{path}` was generated with {different[0]} {found.get(different[0], '')!r}, and line {prompt.number} needs "
                f"{wanted[different[0]]!r}: choose another folder, or omit --resume to generate all images again."
            )


def _to_text(prompt: PromptLine) -> PromptWithLanguage:
    return PromptWithLanguage(prompt.text, prompt.language)


def _revision_of_base(hub: LocalHub, base: BaseSource) -> str:
    """Return the revision id of a base; the commit of a repository; the digest of a folder's or file's weights."""
    if base.checkpoint is not None:
        with base.checkpoint.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if base.is_folder:
        return digest_of(base.folder)
    return hub.registry.revision(base.name).id if base.is_known else base.folder.name


def _revision_of_module(hub: LocalHub, module: ModuleSource, asked: str) -> str:
    """Return the revision id of a module that was loaded as `asked`; the digest of a folder's weights."""
    if module.is_folder:
        return digest_of(Path(asked))
    return hub.registry.revision(module.artifact, asked.partition("@")[2] or "main").id
