"""`m-geneval-prompts`: GenEval's prompts in six languages, as NeoBabel translates them.

`evaluation_metadata_LANGUAGE.jsonl`, such as `evaluation_metadata_french.jsonl`, has one object with `prompt` per line; lines of all
languages correspond. GenEval's own score counts detected objects. It is not computed here, hence the name.
"""

from __future__ import annotations

from hub.errors import InvalidRequest
from trainers.evaluation.data_folder import DataFolder, as_text, read_json_lines, same_length
from trainers.evaluation.prompts.choose_metrics import ENGLISH
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet

PREFIX = "evaluation_metadata_"


class MGenEvalPrompts(PromptBenchmark):
    """The prompts of m-GenEval."""

    name = "m-geneval-prompts"
    layout = f"{PREFIX}LANGUAGE.jsonl, such as {PREFIX}english.jsonl"

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read all languages. Raises `InvalidRequest`, also without English prompts, and `DamagedFile`."""
        files = {
            folder.language(path.stem.removeprefix(PREFIX), path): path for path in folder.find(f"{PREFIX}*.jsonl")
        }
        texts = {
            language: [
                as_text(row.get("prompt"), path, f"line {number}")
                for number, row in enumerate(read_json_lines(path), 1)
            ]
            for language, path in files.items()
        }
        if texts and ENGLISH not in texts:
            raise InvalidRequest(f"`{self.name}` has no {PREFIX}english.jsonl in `{folder.folder}`: add it.")
        for language, path in files.items():
            same_length(texts[language], texts[ENGLISH], path, files[ENGLISH])
        by_language = {
            language: [
                BenchmarkPrompt(text, language, str(number), meaning)
                for number, (text, meaning) in enumerate(zip(found, texts[ENGLISH], strict=True))
            ]
            for language, found in texts.items()
        }
        return PromptSet(self.name, split, by_language, folder)
