"""`coco-crola`: about 200 tangible concepts in seven languages (CoCo-CroLa, Saxon and Wang 2023).

`concepts.csv` has a column per language and a row per concept. `prompts.json` has a sentence per language in which `$$$`, or `###`,
stands for the concept. The benchmark's own scores compare ten images of a concept; here one image of each is judged.
"""

from __future__ import annotations

import re

from hub.errors import InvalidRequest
from trainers.evaluation.data_folder import DataFolder, as_text, read_csv, read_json
from trainers.evaluation.prompts.choose_metrics import ENGLISH
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet

_SLOT = re.compile(r"\$\$\$|###")


class CocoCroLa(PromptBenchmark):
    """Photographs of concepts."""

    name = "coco-crola"
    layout = "concepts.csv and prompts.json of one version"

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read all languages. Raises `InvalidRequest` and `DamagedFile`."""
        path = folder.get("concepts.csv")
        sentences = read_json(folder.get("prompts.json"))
        rows = read_csv(path)
        if not rows or ENGLISH not in rows[0]:
            raise InvalidRequest(f"`{path.name}` has no column `{ENGLISH}`: it needs one column per language.")
        filled = {code: _Sentence(sentences, code) for code in rows[0]}
        by_language = {}
        for code, sentence in filled.items():
            language = folder.language(code, path)
            by_language[language] = [
                BenchmarkPrompt(
                    sentence.with_(as_text(row[code], path, f"line {number}, column {code},")), language,
                    f"{number}-{row[ENGLISH]}", filled[ENGLISH].with_(row[ENGLISH]),
                )
                for number, row in enumerate(rows, 2)
            ]  # fmt: skip
        return PromptSet(self.name, split, by_language, folder)


class _Sentence:
    """A sentence with a place for a concept."""

    def __init__(self, sentences: object, code: str) -> None:
        found = sentences.get(code) if isinstance(sentences, dict) else None
        if not isinstance(found, str) or not _SLOT.search(found):
            raise InvalidRequest(f"prompts.json has no sentence with `$$$` for `{code}`, a column of concepts.csv.")
        self._text = found

    def with_(self, concept: str) -> str:
        return _SLOT.sub(lambda _: concept, self._text).strip()
