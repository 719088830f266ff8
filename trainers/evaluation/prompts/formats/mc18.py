"""`mc-18`: prompts about the culture of each of 18 languages, from the human evaluation of AltDiffusion.

`prompts/…_LANG.txt` has one prompt per line, and `translated_prompts/prompt_LANG.txt` its English translation on the same line. Each
language has its own prompts, so concepts are not shared.
"""

from __future__ import annotations

from trainers.evaluation.data_folder import DataFolder, as_text, read_lines, same_length
from trainers.evaluation.prompts.choose_metrics import ENGLISH
from trainers.evaluation.prompts.prompt_benchmark import PromptBenchmark
from trainers.evaluation.prompts.prompt_set import BenchmarkPrompt, PromptSet


class Mc18(PromptBenchmark):
    """Prompts about cultures."""

    name = "mc-18"
    layout = "prompts/NAME_LANGUAGE.txt and translated_prompts/prompt_LANGUAGE.txt"
    is_about_culture = True

    def read(self, folder: DataFolder, split: str) -> PromptSet:
        """Read all languages. Raises `InvalidRequest`, also for missing translations, and `DamagedFile`."""
        by_language = {}
        for path in folder.find("prompts/*_*.txt"):
            code = path.stem.rpartition("_")[2]
            language = folder.language(code, path)
            texts = meanings = read_lines(path)
            if language != ENGLISH:
                translated = folder.get(f"translated_prompts/prompt_{code}.txt")
                meanings = read_lines(translated)
                same_length(texts, meanings, path, translated)
            by_language[language] = [
                BenchmarkPrompt(
                    as_text(text, path, f"line {number}"), language, f"{language}-{number}",
                    as_text(meaning, path, f"the translation of line {number}"),
                )
                for number, (text, meaning) in enumerate(zip(texts, meanings, strict=True), 1)
            ]  # fmt: skip
        return PromptSet(self.name, split, by_language, folder)
