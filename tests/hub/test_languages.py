import subprocess
import sys

import pytest

from hub.errors import UnknownLanguage
from hub.languages import autonym, covers, language_name, parse_language


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("yo", "yo"), ("yor", "yo"), ("YO", "yo"), ("Yoruba", "yo"), ("Yorùbá", "yo"), ("yoruba", "yo"), ("Èdè Yorùbá", "yo"),
        ("Ede Yoruba", "yo"), (" yo ", "yo"), ("zh", "zh"), ("Chinese", "zh"), ("中文", "zh"), ("zh-hant", "zh-Hant"),
        ("Traditional Chinese", "zh-Hant"), ("pt_BR", "pt-BR"), ("Kiswahili", "sw"), ("हिन्दी", "hi"), ("العربية", "ar"),
        ("francais", "fr"), ("Türkçe", "tr"), ("iw", "he"), ("mul", "mul"), ("multilingual", "mul"), ("Amharic", "am"), ("no", "no"),
        ("français", "fr"), ("hausa", "ha"), ("Klingon", "tlh"), ("Chinese (Traditional)", "zh-Hant"), ("yorùba", "yo"),
        ("yor_Latn", "yo"), ("zho_Hans", "zh"), ("zho_Hant", "zh-Hant"), ("arb_Arab", "ar"), ("pes_Arab", "fa"), ("swh_Latn", "sw"),
        ("srp_Cyrl", "sr"), ("srp_Latn", "sr-Latn"), ("ace_Arab", "ace-Arab"), ("twi_Latn", "tw"), ("yue_Hant", "yue"), ("cmn", "zh"),
        ("hindi", "hi"), ("Mandarin", "zh"), ("igbo", "ig"), ("farsi", "fa"),
    ],
)  # fmt: skip
def test_a_language_is_understood_by_tag_name_and_autonym(typed, tag):
    assert parse_language(typed) == tag


@pytest.mark.parametrize(
    "typed",
    [
        "Yorba",
        "Elbonian",
        "xx",
        "qq-Latn",
        "",
        "und",
        "y\0o",
        "zxx",
        "../yo",
        "yo; drop table",
        "Klingonsk",
        "Yorubaland",
        "Frenchh",
        "a",
        "i",
        "ZZ",
    ],
)
def test_a_word_that_is_not_a_language_is_refused_in_one_line(typed):
    with pytest.raises(UnknownLanguage) as raised:
        parse_language(typed)
    assert raised.value.exit_code == 2
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Yorba", "Yoruba"),
        ("Swahilli", "Swahili"),
        ("Housa", "Hausa"),
        ("Klingonsk", "Klingon"),
        ("Yorubaland", "Yoruba"),
        *[
            ("jp", "ja"),
            ("cn", "zh"),
            ("ua", "uk"),
            ("cz", "cs"),
            ("dk", "da"),
            ("gr", "el"),
            ("JP", "ja"),
            ("ge", "ka"),
            ("us", "en"),
        ],
    ],
)
def test_near_names_are_offered(typed, meant):
    with pytest.raises(UnknownLanguage, match="Did you mean") as raised:
        parse_language(typed)
    assert meant in raised.value.suggestions
    assert len(set(raised.value.suggestions)) == len(raised.value.suggestions)


@pytest.mark.parametrize(
    ("tag", "wanted", "expected"),
    [
        ("yo", "yo", True), ("pt", "pt-BR", True), ("pt-BR", "pt", True), ("en", "en-GB", True), ("no", "nb", True),
        ("zh", "zh-Hant", False), ("zh-Hant", "zh", False), ("sr", "sr-Latn", False), ("zh", "yue", False), ("hr", "bs", False),
        ("yo", "en", False), ("mul", "yo", False), ("da", "no", False),
    ],
)  # fmt: skip
def test_a_language_covers_its_regions_and_not_other_scripts(tag, wanted, expected):
    assert covers(tag, wanted) is expected


def test_languages_have_names():
    assert language_name("yo") == "Yoruba"
    assert language_name("yo", "fr") == "yoruba"
    assert language_name("mul") == "Multilingual"
    assert autonym("sw") == "Kiswahili"


def test_a_name_is_understood_without_the_large_table_of_names_by_tag():
    script = "import sys; from hub.languages import parse_language as parse; parse('Yorùbá'); sys.exit('language_data.name_data' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0


def test_the_module_itself_loads_no_tables():
    script = "import hub.languages, sys; sys.exit('langcodes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=300).returncode == 0
