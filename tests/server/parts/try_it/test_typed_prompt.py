"""Valid prompts, the examples of the page, and its settings."""

from __future__ import annotations

import unicodedata

import pytest

from hub.errors import InvalidRequest
from server.parts.try_it.settings import Settings, configured_bases, configured_settings
from server.parts.try_it.typed_prompt import MAX_SEED, check_prompt, check_seed
from server.site.example_prompts import all_examples, examples_of


@pytest.mark.parametrize(
    ("typed", "language", "prompt"),
    [
        ("  ọkàn \n pupa ", "yo", "ọkàn pupa"),
        (unicodedata.normalize("NFD", "ọkàn"), "yo", "ọkàn"),
        ("iPhone", "ar", "iPhone"),
        ("قلب أحمر", "fa", "قلب أحمر"),
        ("می‌خواهم", "fa", "می‌خواهم"),
        ("ねこ と 犬", "ja", "ねこ と 犬"),
        ("🐘", "hi", "🐘"),
        ("срце", "sr", "срце"),
    ],
)
def test_a_prompt_is_kept_with_single_spaces_in_form_c(typed: str, language: str, prompt: str):
    assert check_prompt(typed, language) == prompt


@pytest.mark.parametrize(
    ("typed", "language", "message"),
    [
        ("", "yo", "type a prompt first"),
        (" \n\t", "yo", "type a prompt first"),
        ("a" * 401, "yo", "401 characters, but the limit is 400"),
        ("a\x00b", "yo", r"U\+0000"),
        ("a\u202eb", "yo", r"U\+202E"),
        ("a\ud800b", "yo", r"U\+D800"),
        ("قلب", "yo", "Arabic letters, which Yoruba does not use"),
        ("红心", "yo", "Chinese characters, which Yoruba does not use"),
        ("сердце", "sr-Latn", "Cyrillic letters"),
    ],
)
def test_a_prompt_that_no_encoder_should_read_is_refused(typed: str, language: str, message: str):
    with pytest.raises(InvalidRequest, match=message):
        check_prompt(typed, language)


@pytest.mark.parametrize(("typed", "seed"), [("", 0), (" 7 ", 7), (str(MAX_SEED), MAX_SEED)])
def test_a_seed_is_a_whole_number(typed: str, seed: int):
    assert check_seed(typed) == seed


@pytest.mark.parametrize("typed", ["-1", "1.5", "٣", str(MAX_SEED + 1), "9" * 5000, "x"])
def test_another_seed_is_refused(typed: str):
    with pytest.raises(InvalidRequest, match="is not a seed"):
        check_seed(typed)


def test_examples_are_prompts_that_the_page_accepts():
    assert len(all_examples()) == 105
    for language, examples in all_examples().items():
        assert len(examples.prompts) == 8, language
        for each in examples.prompts:
            assert check_prompt(each.prompt, language)
    assert ("ọkàn pupa", "red heart") in [(each.prompt, each.meaning) for each in examples_of("yo").prompts]
    assert examples_of("tlh").prompts == ()


def test_keys_have_the_letters_and_tone_marks_of_a_language():
    assert set("ọẹṣàé\u0301\u0300") <= set(examples_of("yo").keys)
    assert {"ƙ", "ɓ", "ɗ"} <= set(examples_of("ha").keys)
    assert examples_of("en").keys == examples_of("ar").keys == ()


def test_settings_keep_their_defaults_unless_they_are_named():
    assert configured_settings({}) == Settings()
    assert configured_settings({"HUB_TRY": "workers=2, images=50"}) == Settings(workers=2, images=50)
    assert configured_bases({"HUB_TRY_BASES": "sd15, emoji-sd,"}) == ("sd15", "emoji-sd")


@pytest.mark.parametrize("text", ["workers", "workers=0", "workers=two", "cats=1", "workers=1=2"])
def test_wrong_settings_are_refused(text: str):
    with pytest.raises(InvalidRequest, match="is not a setting of HUB_TRY"):
        Settings.parse(text)
