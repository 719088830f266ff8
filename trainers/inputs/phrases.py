"""Collect the phrases of a feature dataset: English parts of its meanings, and the texts that translate them.

Texts and meanings are cut at their punctuation, so that a meaning such as `waving hand: dark skin tone` gives two phrases, and its
translations, which are cut into the same number of parts, translate one each. The loader cuts prompts in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.loader.modules.phrase_reader import cut

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Phrases:
    """English phrases, and texts with the phrase that each of them translates."""

    english_P: tuple[str, ...]
    texts_N: tuple[str, ...]
    languages_N: tuple[str, ...]
    """BCP-47 tags of the texts."""
    phrase_N: tuple[int, ...]
    """Index of each text's phrase."""
    weights_N: tuple[float, ...]
    """Sampling weight of each text: how often it occurs, by the weights of the texts it is a part of."""

    @property
    def languages(self) -> list[str]:
        """The languages of the texts, English first, whether or not a text is English."""
        return list(dict.fromkeys([ENGLISH, *self.languages_N]))


def collect_phrases(
    texts: Sequence[str], languages: Sequence[str], meanings: Sequence[str], weights: Sequence[float]
) -> Phrases:
    """Return the phrases of all meanings, and the distinct pairs of a text's parts and its meaning's parts.

    `weights` are the sampling weights of the texts.
    """
    place: dict[str, int] = {}
    pairs: dict[tuple[str, str, int], float] = {}
    unequal: list[tuple[str, list[str], str, int, float]] = []
    for text, language, meaning, weight in zip(texts, languages, meanings, weights, strict=True):
        pieces = cut(text)
        parts, places = pieces[::2], [place.setdefault(phrase, len(place)) for phrase in cut(meaning)[::2]]
        if len(parts) == len(places):
            for part, index in zip(parts, places, strict=True):
                pairs[part, language, index] = pairs.get((part, language, index), 0.0) + weight
        elif len(places) == 1 < len(parts):
            unequal.append(("".join(pieces), parts, language, places[0], weight))
    for text, parts, language, index, weight in unequal:
        # A name that is punctuated in this language only, and no list of words that begins with the name.
        if not any((part, language, index) in pairs for part in parts):
            pairs[text, language, index] = pairs.get((text, language, index), 0.0) + weight
    found = list(pairs)
    return Phrases(
        tuple(place),
        tuple(text for text, _, _ in found),
        tuple(language for _, language, _ in found),
        tuple(index for _, _, index in found),
        tuple(pairs.values()),
    )
