"""Find the region of the world where most readers of a language live, according to CLDR.

CLDR lists the country where a language is most likely read, and the regions of the United Nations (M49) that contain each country.
Both tables come with langcodes and language_data.
"""

from __future__ import annotations

from functools import cache
from xml.etree import ElementTree as ET

_WORLD = "001"


@cache
def region_of(tag: str) -> str:
    """Return the M49 code of the region where a language is mainly read: `011`, Western Africa, for `yo`. Empty for Esperanto."""
    from langcodes import Language

    return _regions().get(Language.get(tag).maximize().territory or "", "")


@cache
def region_name(code: str, in_language: str = "en") -> str:
    """Return the name of a region: `011` is `Western Africa`."""
    from langcodes import Language

    return Language.make(territory=code).territory_name(in_language)


@cache
def _regions() -> dict[str, str]:
    """Map the codes of countries to the smallest regions that contain them. Source: CLDR, `territoryContainment`."""
    contained: dict[str, list[str]] = {}
    for group in _groups():
        if group.get("status") is None and group.get("grouping") is None:  # Others are no longer used, or overlap.
            contained[group.attrib["type"]] = group.attrib["contains"].split()
    return {
        country: region
        for region, countries in contained.items()
        for country in countries
        if region != _WORLD and country not in contained
    }


def _groups() -> list[ET.Element]:
    """Read the groups of countries. The table is near the start of the file, so the rest is not parsed."""
    from language_data.util import data_filename

    for _, element in ET.iterparse(data_filename("supplementalData.xml")):  # noqa: S314 - a file of a package
        if element.tag == "territoryContainment":
            return element.findall("group")
    raise LookupError("CLDR's supplementalData.xml has no territoryContainment.")
