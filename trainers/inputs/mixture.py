"""Choose the languages and their sampling weights, and collect their examples as a feature dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.languages import language_name
from trainers import defaults
from trainers.corpora.corpus import Corpus, Example, ExampleRows
from trainers.corpora.text_columns import Column, Indices, Part, Tags, Texts
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.latents.cropping import Cropping
from trainers.inputs.prompt_rules import PromptRules

Weights = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Mixture:
    """The languages to train on, and how often each is sampled."""

    languages: tuple[str, ...]
    english_share: float = defaults.ENGLISH_SHARE
    temperature: float = defaults.TEMPERATURE


def example_weights(tags: Tags, weights_N: Weights, mixture: Mixture) -> Tensor:
    """Return the sampling weight of each example, (N,), summing to 1, from its weight among those of its language.

    A language whose weights are all 0 has no share.
    """
    codes_N, size = tags.codes_N, len(tags.names)
    sums = np.bincount(codes_N, weights_N, size)
    drawn = np.bincount(codes_N[weights_N > 0], minlength=size)
    counts = {tag: int(count) for tag, count in zip(tags.names, drawn, strict=True) if count}
    # With its own share, English is separate; without one, it is a language like the others, if requested.
    is_apart = "en" in counts and mixture.english_share > 0
    tempered = {tag: count ** (1 / mixture.temperature) for tag, count in counts.items() if tag != "en" or not is_apart}
    english = (mixture.english_share if tempered else 1.0) if is_apart else 0.0
    share = {tag: (1 - english) * value / sum(tempered.values()) for tag, value in tempered.items()}
    share |= {"en": english} if is_apart else {}
    scales = np.array(
        [share.get(tag, 0.0) / total if total else 0.0 for tag, total in zip(tags.names, sums, strict=True)]
    )
    return torch.from_numpy(scales[codes_N] * weights_N)


@dataclass(frozen=True, slots=True)
class _Examples:
    """The examples of all languages, as columns."""

    texts: list[Part]
    tags: Tags
    weights_N: Weights
    meaning_N: Indices
    """Indices into `meanings` and `concepts`."""
    meanings: Column
    concepts: Column
    native_N: np.ndarray[Any, np.dtype[np.bool_]]


def _collect(found: Mapping[str, Sequence[Example]]) -> _Examples:
    """Return the examples of each language as columns. Those of `ExampleRows` stay in their file."""
    names, parts = [*found], [*found.values()]
    sizes = [len(each) for each in parts]
    tags = Tags(names, np.repeat(np.arange(len(names), dtype=np.int16), sizes))
    rows = [each for each in parts if isinstance(each, ExampleRows)]
    if len(rows) == len(parts):
        return _Examples(
            [Part(each.texts, each.rows_N) for each in rows], tags, np.ones(sum(sizes)),
            np.concatenate([each.rows_N for each in rows]), rows[0].meanings, rows[0].concepts,
            np.concatenate([each.native_N for each in rows]),
        )  # fmt: skip
    examples = [example for each in parts for example in each]
    places = {meaning: place for place, meaning in enumerate(dict.fromkeys((e.concept, e.meaning) for e in examples))}
    return _Examples(
        [Part(Column.of([example.text for example in examples]), np.arange(len(examples)))],
        tags,
        np.array([example.weight for example in examples]),
        np.array([places[example.concept, example.meaning] for example in examples]),
        Column.of([meaning for _, meaning in places]),
        Column.of([concept for concept, _ in places]),
        np.array([example.native or not example.meaning for example in examples]),
    )


def collect_features(
    corpus: Corpus,
    mixture: Mixture,
    base: FrozenBase,
    encoder: TextEncoder,
    *,
    length: int,
    store: Store,
    prompt_rules: PromptRules | None = None,
    vision: DualEncoder | None = None,
    sentence_encoder: JoinedEncoder | None = None,
    sample_latents: bool = False,
    cropping: Cropping | None = None,
) -> FeatureDataset:
    """Collect the examples of a mixture; without `prompt_rules` texts are encoded unchanged, in `length` tokens.

    Raises `InvalidRequest` if a language has no examples.
    """
    found: dict[str, Sequence[Example]] = {}
    for tag in dict.fromkeys([*mixture.languages, *(["en"] if mixture.english_share else [])]):
        found[tag] = corpus.examples(tag)
        if not found[tag]:
            raise InvalidRequest(_no_examples_message(tag, corpus))
    examples = _collect(found)
    used_M, meaning_N = np.unique(
        examples.meaning_N, return_inverse=True
    )  # In the order of the rows, as images are stored.
    weights_N = _after_empty(example_weights(examples.tags, examples.weights_N, mixture))
    translated_N = weights_N
    if examples.native_N.any():
        translated_N = _after_empty(example_weights(examples.tags, examples.weights_N * ~examples.native_N, mixture))
    return FeatureDataset(
        texts_N=Texts.after_empty(examples.texts),
        languages_N=Tags(
            ("", *examples.tags.names), np.concatenate([[np.int16(0)], examples.tags.codes_N + np.int16(1)])
        ),
        weights_N=weights_N,
        translated_weights_N=translated_N,
        native_N=_after_empty(torch.from_numpy(examples.native_N)),
        meaning_N=_after_empty(torch.from_numpy(meaning_N + 1)),
        english_M=Texts.after_empty([Part(examples.meanings, used_M)]),
        concept_M=Texts.after_empty([Part(examples.concepts, used_M)]),
        base=base,
        encoder=encoder,
        length=length if prompt_rules is None else prompt_rules.positive.kept,
        corpus=corpus,
        store=store,
        prompt_rules=prompt_rules or PromptRules.plain(length),
        vision=vision,
        sentence_encoder=sentence_encoder,
        sample_latents=sample_latents,
        cropping=cropping,
    )


def _after_empty(values_N: Tensor) -> Tensor:
    """Return values of all examples after a zero, that of the empty text."""
    return torch.cat([values_N.new_zeros(1), values_N])


def _no_examples_message(tag: str, corpus: Corpus) -> str:
    if tag in corpus.languages:
        return (
            f"{language_name(tag)} (`{tag}`) is reserved for zero-shot evaluation in `{corpus.name}` and can't be used "
            "for training."
        )
    known = ", ".join(corpus.languages[:8])
    return f"the corpus `{corpus.name}` has no texts in `{tag}`; it has {len(corpus.languages)} languages, such as {known}."
