"""Choose the languages and their sampling weights, and collect their examples as a feature dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hub.bases.frozen import FrozenBase
from hub.encoders.dual_encoder import DualEncoder
from hub.encoders.joined_encoder import JoinedEncoder
from hub.encoders.text_encoder import TextEncoder
from hub.errors import InvalidRequest
from hub.languages import language_name
from trainers import defaults
from trainers.corpora.corpus import Corpus, Example
from trainers.inputs.features import FeatureDataset, Store
from trainers.inputs.prompt_rules import PromptRules


@dataclass(frozen=True, slots=True)
class Mixture:
    """The languages to train on, and how often each is sampled."""

    languages: tuple[str, ...]
    english_share: float = defaults.ENGLISH_SHARE
    temperature: float = defaults.TEMPERATURE


def example_weights(examples: Sequence[Example], mixture: Mixture) -> Tensor:
    """Return the sampling weight of each example, (N,), summing to 1."""
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    for example in examples:
        sums[example.language] = sums.get(example.language, 0.0) + example.weight
        counts[example.language] = counts.get(example.language, 0) + 1
    # With a share of its own English is apart; without one it is a language like the others, if it was asked for.
    is_apart = "en" in counts and mixture.english_share > 0
    tempered = {tag: count ** (1 / mixture.temperature) for tag, count in counts.items() if tag != "en" or not is_apart}
    english = (mixture.english_share if tempered else 1.0) if is_apart else 0.0
    share = {tag: (1 - english) * value / sum(tempered.values()) for tag, value in tempered.items()}
    share |= {"en": english} if is_apart else {}
    return torch.tensor(
        [share[each.language] * each.weight / sums[each.language] for each in examples], dtype=torch.float64
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
) -> FeatureDataset:
    """Collect the examples of a mixture; without `prompt_rules` texts are encoded unchanged, in `length` tokens.

    Raises `InvalidRequest` if a language has no examples.
    """
    examples: list[Example] = []
    for tag in dict.fromkeys([*mixture.languages, *(["en"] if mixture.english_share else [])]):
        found = corpus.examples(tag)
        if not found:
            raise InvalidRequest(_no_examples_message(tag, corpus))
        examples += found
    meanings = dict.fromkeys((example.concept, example.meaning) for example in examples)
    place = {meaning: index + 1 for index, meaning in enumerate(meanings)}
    return FeatureDataset(
        texts_N=("", *(example.text for example in examples)),
        languages_N=("", *(example.language for example in examples)),
        weights_N=torch.cat([torch.zeros(1, dtype=torch.float64), example_weights(examples, mixture)]),
        meaning_N=torch.tensor([0, *(place[example.concept, example.meaning] for example in examples)]),
        english_M=("", *(english for _, english in meanings)),
        concept_M=("", *(concept for concept, _ in meanings)),
        base=base,
        encoder=encoder,
        length=length if prompt_rules is None else prompt_rules.positive.kept,
        corpus=corpus,
        store=store,
        prompt_rules=prompt_rules or PromptRules.plain(length),
        vision=vision,
        sentence_encoder=sentence_encoder,
        sample_latents=sample_latents,
    )


def _no_examples_message(tag: str, corpus: Corpus) -> str:
    if tag in corpus.languages:
        return (
            f"{language_name(tag)} (`{tag}`) is reserved for zero-shot evaluation in `{corpus.name}` and can't be used "
            "for training."
        )
    known = ", ".join(corpus.languages[:8])
    return f"the corpus `{corpus.name}` has no texts in `{tag}`; it has {len(corpus.languages)} languages, such as {known}."
