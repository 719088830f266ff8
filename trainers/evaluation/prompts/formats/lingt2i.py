"""`lingt2i`: prompts in ten languages, scored by a multilingual judge that reads the prompt itself.

Parquet or JSON files, in a folder or with a name that contains the split, have rows with `data_id`, `prompt` and `lang`. In the
older JSON, the language is the second of `dimensions`. Ids contain the language as one of their parts, `TR_zh_5`; the others are the
concept. Prompts of `text_rendering` contain `<sks1>`, in the place of `render_text`, or of the first of `dimension_prompt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hub.errors import DamagedFile, InvalidRequest
from trainers.evaluation.data_folder import DataFolder, as_text, read_json
from trainers.evaluation.prompts.choose_metrics import ENGLISH
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet

SLOT = "<sks1>"
"""Place of the text to be written in a prompt."""
COLUMNS = ("data_id", "prompt", "lang", "dimension", "dimensions", "render_text", "dimension_prompt")
LEGACY = {
    "content_generation": "text-to-image-multilingual.json",
    "text_rendering": "trig_multilingual_tr.json",
}
"""Split → name of the older JSON file."""


class LingT2I(PromptBenchmark):
    """Prompts of the LingT2I benchmark: content, and text rendering."""

    name = "lingt2i"
    splits = ("content_generation", "text_rendering")
    layout = "parquet files named after the split, such as content_generation-00000.parquet"
    judges_meaning = False
    clip_scale = 2.5  # metaclip2_score.py multiplies the cosine by 2.5.

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read all languages of a split. Raises `InvalidRequest`, also for prompts without an English version, and `DamagedFile`."""
        rows: dict[str, dict[str, tuple[Path, dict[str, Any]]]] = {}
        for path, row in _rows(folder, split):
            code = _language(row)
            language = folder.language(code, path)
            concept = "_".join(part for part in str(row.get("data_id", "")).split("_") if part != code)
            if concept in rows.setdefault(language, {}):
                raise InvalidRequest(
                    f"`{path.name}` has two rows in `{language}` for `{row['data_id']}`: remove one of them."
                )
            rows[language][concept] = path, row
        english = rows.get(ENGLISH, {})
        by_language: dict[str, list[BenchmarkPrompt]] = {}
        for language, found in rows.items():
            if lacking := [concept for concept in found if concept not in english]:
                raise InvalidRequest(
                    f"{len(lacking):,} prompts in `{language}` of `{self.name}`/{split} have no English version, such as "
                    f"`{lacking[0]}`: add the English rows."
                )
            by_language[language] = [
                BenchmarkPrompt(
                    _text(*found[concept]),
                    language,
                    concept,
                    _text(*english[concept]),
                    written=_written(found[concept][1]),
                )
                for concept in found
            ]
        return PromptSet(self.name, split, by_language, folder)


def _rows(folder: DataFolder, split: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    parquet = [*folder.find(f"*{split}*.parquet"), *folder.find(f"{split}/*.parquet")]
    for path in dict.fromkeys(parquet):
        try:
            known = [name for name in pq.read_schema(path).names if name in COLUMNS]
            table = pq.read_table(path, columns=known)
        except (OSError, pa.ArrowException) as error:
            raise DamagedFile(f"`{path.name}` cannot be read: download it again.") from error
        yield from ((path, row) for row in table.to_pylist())
    if not parquet:
        path = folder.get(LEGACY[split])
        content = read_json(path)
        if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
            raise InvalidRequest(f"`{path.name}` is not a list of objects with `data_id` and `prompt`.")
        yield from ((path, row) for row in content)


def _language(row: dict[str, Any]) -> str:
    """Return the language of a row as it is written there."""
    dimensions = row.get("dimensions") or row.get("dimension") or []
    if row.get("lang"):
        return str(row["lang"]).strip().lower()
    return str(dimensions[1]).lower() if isinstance(dimensions, list) and len(dimensions) > 1 else ""


def _text(path: Path, row: dict[str, Any]) -> str:
    return as_text(row.get("prompt"), path, f"`{row.get('data_id')}`").replace(SLOT, _written(row))


def _written(row: dict[str, Any]) -> str:
    old = row.get("dimension_prompt")
    found = row.get("render_text") or (old[0] if isinstance(old, list) and old and isinstance(old[0], str) else "")
    return found if SLOT in str(row.get("prompt")) else ""
