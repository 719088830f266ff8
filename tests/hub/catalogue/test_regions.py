"""The regions of languages."""

from __future__ import annotations

import pytest

from hub.catalogue.regions import region_name, region_of


@pytest.mark.parametrize(
    ("tag", "name"),
    [("yo", "Western Africa"), ("sw", "Eastern Africa"), ("hi", "Southern Asia"), ("zh-Hant", "Eastern Asia"), ("fr", "Western Europe"),
     ("pt", "South America"), ("pt-PT", "Southern Europe"), ("mi", "Australasia"), ("ht", "Caribbean")],
)  # fmt: skip
def test_a_language_is_in_the_region_of_the_country_where_it_is_mainly_read(tag: str, name: str):
    assert region_name(region_of(tag)) == name


def test_a_constructed_language_has_no_region():
    assert region_of("eo") == ""


def test_regions_have_names_in_the_languages_of_the_pages():
    assert region_name("011", "fr") == "Afrique occidentale"
