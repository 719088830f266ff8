"""Reading prompts as phrases: where a prompt is cut, and which parts are read together."""

from __future__ import annotations

import pytest
import torch

from hub.encoders.text_encoder import TextEncoder
from hub.loader.modules.phrase_reader import BATCH_SIZE, PhraseReader, cut

PHRASES = ("waving hand", "dark skin tone", "cat", "dog")
TEXTS = {
    "ọwọ́": (1, 0, 0, 0), "adúláwọ̀": (0, 1, 0, 0), "ológbò": (0, 0, 1, 0), "ajá": (0, 0, 0, 1),
    "ológbò, ọ̀rẹ́ ajá": (0, 0, 0, 3),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("cœur\u202f: peau mate", ["cœur", ": ", "peau mate"]),
        ("猫，狗", ["猫", ", ", "狗"]),
        ("قطة، كلب", ["قطة", ", ", "كلب"]),
        ("10:30", ["10:30"]),
        ("1,000 cats", ["1,000 cats"]),
        (", a,, b,", ["a", ", ", "b"]),
        ("", []),
        (" , ", []),
    ],
)
def test_a_prompt_is_cut_at_punctuation_and_never_inside_a_number(text: str, pieces: list[str]) -> None:
    assert cut(text) == pieces


class Words:
    """An encoder with states for the texts above; those of other texts are between all phrases."""

    def encode(self, texts: list[str], length: int) -> tuple[torch.Tensor, torch.Tensor]:
        assert len(texts) <= BATCH_SIZE
        states = torch.tensor([TEXTS.get(text, (0.1, 0.1, 0.1, 0.1)) for text in texts]).float()
        return states[:, None], torch.ones(len(texts), 1)


class Similarities(torch.nn.Module):
    keys_PE = torch.zeros(1)

    def forward(self, states_BE: torch.Tensor) -> torch.Tensor:
        return states_BE


@pytest.fixture
def reader() -> PhraseReader:
    encoder: TextEncoder = Words()  # type: ignore[assignment]
    return PhraseReader(Similarities(), PHRASES, lambda: encoder, 8)  # type: ignore[arg-type]


def test_parts_are_read_apart_and_joined_with_english_punctuation(reader: PhraseReader) -> None:
    assert reader.translate(["ọwọ́：adúláwọ̀", "ajá"]) == ["waving hand: dark skin tone", "dog"]


def test_parts_that_are_one_name_together_are_read_together(reader: PhraseReader) -> None:
    assert reader.translate(["ológbò, ọ̀rẹ́ ajá", "ológbò, ajá"]) == ["dog", "cat, dog"]


def test_a_prompt_of_punctuation_is_empty(reader: PhraseReader) -> None:
    assert reader.translate([" , "]) == [""]
    assert reader.translate([",", "ajá"]) == ["", "dog"]


def test_the_many_parts_of_a_long_prompt_are_encoded_in_batches(reader: PhraseReader) -> None:
    words = [f"ajá {number}" for number in range(200)]
    (found,) = reader.translate([", ".join([*words, "ajá"])])
    assert found.endswith("dog")
