"""The part of `hub generate` that needs torch: load, draw, save, and say on the way how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.use.prompts import Prompt
from hub.errors import WrongRequest
from hub.images.contact_sheet import Row, contact_sheet, in_square
from hub.images.generate import Settings, Spoken, compare, draw
from hub.images.png import read_fields, save_png
from hub.images.png_metadata import made_by, of_prompts, revision_of
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
"""Fields of a picture that was drawn before, when the rest of its batch is drawn."""


@dataclass(kw_only=True)
class Job:
    """One run of the command."""

    negative: str
    seed: int
    steps: int
    guidance: float
    quiet: bool
    _started: float = field(default_factory=time.perf_counter)

    def load(self, hub: LocalHub, base: str, names: Sequence[str], device: str) -> None:
        """The pipeline, and the revisions of its parts."""
        import diffusers
        import transformers

        diffusers.utils.logging.disable_progress_bar()
        transformers.utils.logging.disable_progress_bar()
        self._pipe: Any = load_pipeline(base, list(names) or None, device=device or None, hub=hub)
        self._pipe.set_progress_bar_config(disable=self.quiet)
        self._base, self._adapters = base, list(names)
        self._revisions = [revision_of(hub, name) for name in (base, *names)]
        self._settings = Settings(self.negative, self.seed, self.steps, self.guidance)
        self._fields = made_by(base, names, self._revisions, self._pipe, self._settings)
        self._loaded = time.perf_counter()

    def each(self, prompts: Sequence[Prompt], paths: Sequence[Path], *, resume: bool) -> list[dict[str, Any]]:
        """A file for each prompt, written as soon as it is drawn; with `resume` those that are there stay."""
        there = {path for path in paths if resume and path.exists()}
        for prompt, path in zip(prompts, paths, strict=True):
            if path in there:
                self._check_same(path, prompt)
        if there:
            print(f"{len(there)} of {len(paths)} pictures are there.", file=sys.stderr, flush=True)
        todo = [(prompt, path) for prompt, path in zip(prompts, paths, strict=True) if path not in there]
        pictures = draw(self._pipe, [_spoken(prompt) for prompt, _ in todo], self._settings)
        for done, ((prompt, path), picture) in enumerate(zip(todo, pictures, strict=True), 1):
            save_png(picture, path, self._fields | of_prompts([_spoken(prompt)]))
            if len(todo) > 1:
                print(f"{done} of {len(todo)}: {path}", file=sys.stderr, flush=True)
        return [
            self._object(prompt, path) | ({"skipped": path in there} if resume else {})
            for prompt, path in zip(prompts, paths, strict=True)
        ]

    def grid(self, prompts: Sequence[Prompt], path: Path) -> list[dict[str, Any]]:
        """All prompts in one picture, each below its own."""
        spoken = [_spoken(prompt) for prompt in prompts]
        rows = in_square(list(draw(self._pipe, spoken, self._settings)), [prompt.text for prompt in spoken])
        save_png(contact_sheet(rows), path, self._fields | of_prompts(spoken))
        return [self._object(prompt, path) for prompt in prompts]

    def compare(self, prompts: Sequence[Prompt], path: Path) -> list[dict[str, Any]]:
        """A row a prompt, a column for each way of drawing it."""
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
            rows.append(Row(label, [cell.picture for cell in cells], [cell.words for cell in cells]))
        footer = f"{Path(self._base).name} · seed {self.seed} · {self.steps} steps · guidance {self.guidance:g}"
        fields = self._fields | of_prompts(spoken) | {"columns": "\n".join(headings)}
        save_png(contact_sheet(rows, headings, footer=footer), path, fields)
        return [
            self._object(prompt, path)
            | {"columns": [
                {"heading": column.heading, "words": column.cells[place].words, "drawn": column.cells[place].picture is not None}
                for column in columns
            ]}
            for place, prompt in enumerate(prompts)
        ]  # fmt: skip

    def _object(self, prompt: Prompt, path: Path) -> dict[str, Any]:
        return {
            "path": str(path), "prompt": prompt.text, "language": prompt.language, "base": self._base,
            "base_revision": self._revisions[0], "adapters": self._adapters, "adapter_revisions": self._revisions[1:],
            "seed": self.seed, "steps": self.steps, "guidance": self.guidance, "libraries": self._fields["libraries"],
            "load_seconds": round(self._loaded - self._started, 3), "draw_seconds": round(time.perf_counter() - self._loaded, 3),
        }  # fmt: skip

    def _check_same(self, path: Path, prompt: Prompt) -> None:
        """WrongRequest when the picture that is there was drawn of something else."""
        found, wanted = read_fields(path), self._fields | of_prompts([_spoken(prompt)])
        if other := [name for name in MUST_AGREE if found.get(name, "") != wanted[name]]:
            raise WrongRequest(
                f"`{path}` was drawn with {other[0]} {found.get(other[0], '')!r}, and line {prompt.number} asks for {wanted[other[0]]!r}: "
                "give another folder, or leave out --resume to draw all again."
            )


def _spoken(prompt: Prompt) -> Spoken:
    return Spoken(prompt.text, prompt.language)
