"""The language of a prompt is detected among a few candidates, or undecided."""

from __future__ import annotations

import pytest

from hub.languages import by_script
from hub.loader.prompts.detection import detect


@pytest.mark.parametrize(
    ("text", "candidates", "expected"),
    [
        ("狗", ("yo", "zh"), ("zh",)),
        ("犬と猫", ("zh", "ja"), ("ja",)),
        ("犬", ("zh", "ja", "ko"), ("zh", "ja", "ko")),
        ("개", ("ja", "ko"), ("ko",)),
        ("कुत्ता", ("hi", "ne", "th"), ("hi", "ne")),
        ("كلب", ("ar", "sw"), ("ar",)),
        ("ውሻ", ("am", "yo"), ("am",)),
        ("aja", ("am", "yo", "sw"), ("yo", "sw")),
        ("пас", ("sr", "sr-Latn"), ("sr",)),
        ("123 !?", ("yo", "zh"), ()),
        ("สุนัข", ("yo", "zh"), ()),
    ],
)
def test_script_narrows_the_candidates(text: str, candidates: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert by_script(text, candidates) == expected


def test_a_lone_candidate_needs_no_detector() -> None:
    assert detect("犬", ("yo",)) == "yo"


def test_a_language_the_detector_does_not_know_keeps_the_prompt_undecided() -> None:
    assert detect("kare", ("ha", "yo")) is None


def test_norwegian_is_recognised_by_both_of_its_tags() -> None:
    text = "en hund og en katt sitter ved siden av huset"
    assert detect(text, ("no", "yo")) == "no"
    assert detect(text, ("nb", "yo")) == "nb"
