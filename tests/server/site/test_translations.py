"""The catalogues of translations: complete, and with the placeholders, tags and plural forms that their texts need."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po

from hub.cards.policy import POLICIES
from hub.records import KINDS, Provenance
from hub.registry.accounts.permissions import ORGANISATION, USER
from hub.registry.artifacts import access_requests
from hub.registry.moderation import reports
from server.pages import core_words
from server.site.locales import ENGLISH, LOCALES
from server.site.translation import MACHINE_MADE, catalogue_path

ROOT = Path(__file__).resolve().parents[3]
TAGS = [each.tag for each in LOCALES if each is not ENGLISH]
PLACEHOLDER = re.compile(r"%\(\w+\)s|%%|%|\{\w+\}")
"""Those of Python and, in braces, those of scripts."""
TAG = re.compile(r"</?[^>]*>")


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def entries(tag: str) -> list[Message]:
    return [each for each in read(catalogue_path(tag)) if each.id]


def forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Extract the texts as `make translations` does."""
    path = tmp_path_factory.mktemp("extracted") / "messages.pot"
    options = ["-F", str(ROOT / "pyproject.toml"), "-k", "gettext_noop", "-o", str(path)]
    CommandLineInterface().run(["pybabel", "--quiet", "extract", *options, str(ROOT / "server")])
    return read(path)


@pytest.mark.parametrize("tag", TAGS)
def test_a_catalogue_has_exactly_the_texts_of_the_pages(tag: str, extracted: Catalog):
    wanted = {(each.context, forms(each.id)) for each in extracted if each.id}
    found = {(each.context, forms(each.id)) for each in entries(tag)}
    assert found == wanted, "run `make translations`, then translate the new entries"


@pytest.mark.parametrize("tag", TAGS)
def test_every_text_is_translated_into_all_plural_forms(tag: str):
    number = read(catalogue_path(tag)).num_plurals
    for each in entries(tag):
        assert all(forms(each.string)), each.id
        assert len(forms(each.string)) == (1 if isinstance(each.id, str) else number), each.id
        assert "fuzzy" not in each.flags, each.id


@pytest.mark.parametrize("tag", TAGS)
def test_translations_have_the_placeholders_and_the_tags_of_the_text(tag: str):
    for each in entries(tag):
        source = forms(each.id)[-1]
        *special, general = forms(each.string)
        assert Counter(PLACEHOLDER.findall(general)) == Counter(PLACEHOLDER.findall(source)), general
        for form in special:  # Forms for one or two things may say so without a number.
            assert Counter(PLACEHOLDER.findall(form)) <= Counter(PLACEHOLDER.findall(source)), form
        for form in (*special, general):
            assert Counter(TAG.findall(form)) == Counter(TAG.findall(source)), form
            assert '"' not in TAG.sub("", form), f"a straight quotation mark would end an attribute: {form}"


@pytest.mark.parametrize("tag", TAGS)
def test_translations_are_normalised_and_keep_the_spaces_at_the_ends(tag: str):
    for each in entries(tag):
        for form in forms(each.string):
            assert form.strip() == form or forms(each.id)[0].strip() != forms(each.id)[0], form
            assert "\u0000" not in form
            assert "  " not in form


def test_yoruba_has_tone_marks_and_dots():
    text = " ".join(form for each in entries("yo") for form in forms(each.string))
    assert {"ẹ", "ọ", "ṣ", "à", "á", "ń"} <= set(text)


@pytest.mark.parametrize("tag", TAGS)
def test_an_entry_is_marked_as_made_by_a_machine_or_was_reviewed(tag: str):
    for each in entries(tag):
        assert each.user_comments in ([], [MACHINE_MADE]), each.id


def test_words_of_the_core_that_pages_show_can_be_translated():
    assert set(core_words.KINDS) == set(KINDS)
    assert set(core_words.PROVENANCES) == set(Provenance)
    assert set(core_words.ACCOUNT_KINDS) == {USER, ORGANISATION}
    assert core_words.ACCESS_STATUSES == access_requests.STATUSES
    assert core_words.REPORT_STATES == reports.STATES
    assert tuple(reports.REASONS.values()) == core_words.REPORT_REASONS
    assert tuple(POLICIES.values()) == core_words.FILE_POLICIES


def test_templates_call_gettext_only_with_texts_of_their_own():
    """A variable may hold typed text: `translated` does not treat it as HTML or as a format."""
    for path in ROOT.glob("server/**/templates/**/*.html"):
        found = re.findall(r"(?<![\w.])_\((?!\")[^)]*\)", path.read_text(encoding="utf-8"))
        assert not found, f"{path.name}: {found}: use the filter `translated`"
