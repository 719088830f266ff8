"""The demo's scores: every image is generated once."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import torch

from trainers.corpora.corpus import Prompt
from trainers.lab.demo import Setting, generate_once

WORDS = {"ọkàn": "heart", "ilé": "inn"}


class FakePipeline:
    """Paints the length of the text that the base would read; `reads` is whether a module reads the prompts first."""

    def __init__(self, *, reads: bool) -> None:
        self.reads = reads
        self.generated: list[str] = []

    def translations(self, texts: Sequence[str]) -> list[str]:
        return [WORDS.get(text, "") if self.reads else "" for text in texts]

    def set_progress_bar_config(self, **_: Any) -> None:
        pass

    def __call__(self, texts: Sequence[str], **_: Any) -> Any:
        self.generated += texts
        read = [found or text for found, text in zip(self.translations(texts), texts, strict=True)]
        return SimpleNamespace(images=torch.stack([torch.full((3, 2, 2), len(text) / 100) for text in read]))


def test_a_prompt_that_the_module_reads_as_its_meaning_is_not_generated_again() -> None:
    prompts = [Prompt("ọkàn", "yo", "2764", "heart"), Prompt("ilé", "yo", "1f3e0", "house")]
    english = Setting("english", base := FakePipeline(reads=False), in_english=True)
    module = Setting("module", reader := FakePipeline(reads=True))
    images: dict[tuple[str, str], Any] = {}
    first, second = (generate_once(setting, prompts, images, "seen") for setting in (english, module))
    assert (base.generated, reader.generated) == (["heart", "house"], ["ilé"])
    torch.testing.assert_close(first[:, 0, 0, 0], torch.tensor([0.05, 0.05]))
    torch.testing.assert_close(second[:, 0, 0, 0], torch.tensor([0.05, 0.03]))


def test_two_concepts_that_are_read_alike_have_images_of_their_own() -> None:
    prompts = [Prompt("ọkàn", "yo", "2764", "heart"), Prompt("ọkàn", "yo", "1f493", "beating heart")]
    module = Setting("module", reader := FakePipeline(reads=True))
    generate_once(module, prompts, {}, "pairs")
    assert reader.generated == ["ọkàn", "ọkàn"]
