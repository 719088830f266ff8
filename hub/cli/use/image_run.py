"""The part of `hub generate` that needs torch: load, generate, save, and report progress."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.use.prompts import PromptLine
from hub.errors import InvalidRequest
from hub.images.contact_sheet import SheetRow, contact_sheet, in_square
from hub.images.generate import GenerationSettings, Spoken, compare, draw
from hub.images.png_metadata import made_by, of_prompts, read_fields, revision_of, save_png
from hub.loader import load_pipeline

if TYPE_CHECKING:
    from hub.local import LocalHub

MUST_AGREE = (
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
"""Metadata of an existing image that must equal that of the batch it is resumed in."""


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
        self._pipe: Any = load_pipeline(base, list(names) or None, device=device or None, hub=hub)
        self._pipe.set_progress_bar_config(disable=self.quiet)
        self._base, self._adapters = base, list(names)
        self._revisions = [revision_of(hub, name) for name in (base, *names)]
        self._settings = GenerationSettings(self.negative, self.seed, self.steps, self.guidance)
        self._fields = made_by(base, names, self._revisions, self._pipe, self._settings)
        self._loaded = time.perf_counter()

    def each(self, prompts: Sequence[PromptLine], paths: Sequence[Path], *, resume: bool) -> list[dict[str, Any]]:
        """Write an image for each prompt as soon as it is generated; with `resume`, skip those that exist."""
        existing = {path for path in paths if resume and path.exists()}
        for prompt, path in zip(prompts, paths, strict=True):
            if path in existing:
                self._check_same(path, prompt)
        if existing:
            print(f"{len(existing)} of {len(paths)} images exist.", file=sys.stderr, flush=True)
        todo = [(prompt, path) for prompt, path in zip(prompts, paths, strict=True) if path not in existing]
        images = draw(self._pipe, [_spoken(prompt) for prompt, _ in todo], self._settings)
        for done, ((prompt, path), image) in enumerate(zip(todo, images, strict=True), 1):
            save_png(image, path, self._fields | of_prompts([_spoken(prompt)]))
            if len(todo) > 1:
                print(f"{done} of {len(todo)}: {path}", file=sys.stderr, flush=True)
        return [
            self._object(prompt, path) | ({"skipped": path in existing} if resume else {})
            for prompt, path in zip(prompts, paths, strict=True)
        ]

    def grid(self, prompts: Sequence[PromptLine], path: Path) -> list[dict[str, Any]]:
        """Write one image with all prompts, each as a caption."""
        spoken = [_spoken(prompt) for prompt in prompts]
        rows = in_square(list(draw(self._pipe, spoken, self._settings)), [prompt.text for prompt in spoken])
        save_png(contact_sheet(rows), path, self._fields | of_prompts(spoken))
        return [self._object(prompt, path) for prompt in prompts]

    def compare(self, prompts: Sequence[PromptLine], path: Path) -> list[dict[str, Any]]:
        """Write one image with a row per prompt and a column per pipeline."""
        spoken = [_spoken(prompt) for prompt in prompts]
        columns = []
        for column in compare(self._pipe, Path(self._base).name, spoken, self._settings):
            columns.append(column)
            print(f"{len(columns)} of {len(self._adapters) + 1}: {column.heading}", file=sys.stderr, flush=True)
        headings = [column.heading for column in columns]
        rows = []
        for place, prompt in enumerate(spoken):
            cells = [column.cells[place] for column in columns]
            label = f"{' '.join(prompt.text.split())}\n{prompt.language}"
            rows.append(SheetRow(label, [cell.image for cell in cells], [cell.caption for cell in cells]))
        footer = f"{Path(self._base).name} · seed {self.seed} · {self.steps} steps · guidance {self.guidance:g}"
        fields = self._fields | of_prompts(spoken) | {"columns": "\n".join(headings)}
        save_png(contact_sheet(rows, headings, footer=footer), path, fields)
        return [
            self._object(prompt, path)
            | {"columns": [
                {"heading": column.heading, "words": column.cells[place].caption, "drawn": column.cells[place].image is not None}
                for column in columns
            ]}
            for place, prompt in enumerate(prompts)
        ]  # fmt: skip

    def _object(self, prompt: PromptLine, path: Path) -> dict[str, Any]:
        return {
            "path": str(path), "prompt": prompt.text, "language": prompt.language, "base": self._base,
            "base_revision": self._revisions[0], "adapters": self._adapters, "adapter_revisions": self._revisions[1:],
            "seed": self.seed, "steps": self.steps, "guidance": self.guidance, "libraries": self._fields["libraries"],
            "load_seconds": round(self._loaded - self._started, 3), "draw_seconds": round(time.perf_counter() - self._loaded, 3),
        }  # fmt: skip

    def _check_same(self, path: Path, prompt: PromptLine) -> None:
        """Raise InvalidRequest if the existing image was generated with other settings."""
        found, wanted = read_fields(path), self._fields | of_prompts([_spoken(prompt)])
        if other := [name for name in MUST_AGREE if found.get(name, "") != wanted[name]]:
            raise InvalidRequest(
                f"`{path}` was generated with {other[0]} {found.get(other[0], '')!r}, and line {prompt.number} asks for "
                f"{wanted[other[0]]!r}: choose another folder, or omit --resume to generate all again."
            )


def _spoken(prompt: PromptLine) -> Spoken:
    return Spoken(prompt.text, prompt.language)
