"""`mg-18`: Crossmodal-3600 and WIT captions in 18 languages, from the evaluation of AltDiffusion.

A file per language, `crossmodal_LANG.json` or `wit_LANG.json`, is a list of objects: `image` (a path), `target_caption` (in the
language) and `caption` (its English meaning). English files have `source_caption` instead of both. A caption is a text or a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hub.errors import InvalidRequest
from trainers.evaluation.data_folder import DataFolder, as_text, read_json
from trainers.evaluation.prompts.choose_metrics import ENGLISH
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet


class Mg18(PromptBenchmark):
    """Captions of photos in 18 languages."""

    name = "mg-18"
    splits = ("crossmodal", "wit")
    layout = "crossmodal_LANGUAGE.json and wit_LANGUAGE.json, and the images"

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read all languages of a split. Raises `InvalidRequest` and `DamagedFile`."""
        files = {
            folder.language(path.stem.removeprefix(f"{split}_"), path): path for path in folder.find(f"{split}_*.json")
        }
        english = list(_captions(files[ENGLISH], "source_caption")) if ENGLISH in files else []
        meanings = dict(reversed(english))  # The first caption of an image.
        by_language, notes = {}, {}
        for language, path in files.items():
            if language == ENGLISH:
                found = [BenchmarkPrompt(text, language, _concept(name), text, name) for name, text in english]
            else:
                found = list(_prompts(path, language, meanings))
            first = {prompt.concept: prompt for prompt in reversed(found)}
            by_language[language] = [prompt for prompt in found if first[prompt.concept] is prompt]
            if left_out := len(found) - len(first):
                notes[language] = f"{left_out:,} further captions of the same images are left out."
        names = {prompt.image for prompts in by_language.values() for prompt in prompts}
        return PromptSet(self.name, split, by_language, folder, has_references=folder.has_images(names), notes=notes)


def _prompts(path: Path, language: str, meanings: Mapping[str, str]) -> Iterator[BenchmarkPrompt]:
    for (name, text), row in zip(_captions(path, "target_caption"), _rows(path), strict=True):
        meaning = as_text(row["caption"], path, f"the image `{name}`") if row.get("caption") else meanings.get(name)
        if not meaning:
            raise InvalidRequest(
                f"`{path.name}` has no English `caption` for `{name}`, and there is no English file with that image: add one of them."
            )
        yield BenchmarkPrompt(text, language, _concept(name), meaning, name)


def _captions(path: Path, column: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each image and its caption."""
    for number, row in enumerate(_rows(path)):
        name = PurePosixPath(str(row.get("image", "")).replace("\\", "/")).name
        if not name:
            raise InvalidRequest(f"object {number} of `{path.name}` names no `image`: add it.")
        yield name, as_text(row.get(column), path, f"object {number}")


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = read_json(path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidRequest(f"`{path.name}` is not a list of objects with `image` and captions.")
    return rows


def _concept(name: str) -> str:
    return PurePosixPath(name).stem
