"""The corpus `emoji`: splits, weights, and no held-out texts for training."""

from __future__ import annotations

import pytest
import torch

from hub.errors import UnknownCorpus
from trainers.corpora import open_corpus
from trainers.corpora.emoji import EmojiCorpus
from trainers.corpora.emoji_dataset import World


@pytest.fixture(scope="module")
def emoji() -> EmojiCorpus:
    return EmojiCorpus()


@pytest.fixture(scope="module")
def world(emoji: EmojiCorpus) -> World:
    return emoji._world


@pytest.mark.parametrize("language", ["yo", "zh", "en"])
def test_only_split_seen_is_trained_on(language: str, emoji: EmojiCorpus, world: World) -> None:
    split = {name.concept: name.split for name in world.named(language)}
    examples = emoji.examples(language)
    assert {split[example.concept] for example in examples} == {"seen"}
    assert {world.concepts[example.concept]["role"] for example in examples} == {"base", "tone", "flag"}
    held_out = {(name.name, name.concept) for name in world.named(language) if name.split != "seen"}
    assert not held_out & {(example.text, example.concept) for example in examples}


def test_a_held_out_language_has_nothing_to_train_on(emoji: EmojiCorpus) -> None:
    assert emoji.examples("ig") == []
    assert emoji.prompts("ig", "languages")


def test_splits_do_not_overlap(emoji: EmojiCorpus) -> None:
    seen, pairs, validation = (
        {prompt.concept for prompt in emoji.prompts("yo", split)} for split in ("seen", "pairs", "validation")
    )
    assert not (seen & pairs or seen & validation or pairs & validation)
    assert min(len(seen), len(pairs), len(validation)) > 30


def test_every_prompt_is_in_the_gallery(emoji: EmojiCorpus) -> None:
    for language, split in (("yo", "seen"), ("yo", "pairs"), ("ig", "languages"), ("yo", "combinations")):
        gallery = {prompt.concept for prompt in emoji.gallery(split)}
        assert {prompt.concept for prompt in emoji.prompts(language, split)} <= gallery
    assert len(emoji.gallery("seen")) >= 1100
    assert len(emoji.gallery("combinations")) > len(emoji.gallery("seen"))


def test_the_texts_of_a_concept_share_the_weight_of_its_role(emoji: EmojiCorpus, world: World) -> None:
    total: dict[str, float] = {}
    for example in emoji.examples("yo"):
        total[example.concept] = total.get(example.concept, 0) + example.weight
    by_role = {world.concepts[concept]["role"]: weight for concept, weight in total.items()}
    assert by_role == pytest.approx({"base": 1.0, "tone": 0.25, "flag": 0.4})
    texts = {example.text for example in emoji.examples("yo") if example.concept == "1f600"}
    assert "Ojú tó rẹ́rìn" in texts
    assert any("fẹyín" in text for text in texts)


def test_texts_are_the_same_every_time(emoji: EmojiCorpus) -> None:
    assert emoji.examples("yo") == EmojiCorpus().examples("yo")


def test_images_are_returned_in_the_requested_order(emoji: EmojiCorpus) -> None:
    images = emoji.images(["1f600", "1f436"])
    assert images.shape == (2, 3, 64, 64)
    assert images.dtype == torch.uint8
    assert torch.equal(emoji.images(["1f436"])[0], images[1])


def test_the_digest_is_that_of_the_card(emoji: EmojiCorpus) -> None:
    assert len(emoji.digest) == 64
    assert emoji.digest in (emoji._world.folder / "README.md").read_text()


def test_an_unknown_corpus_suggests_near_names() -> None:
    with pytest.raises(UnknownCorpus, match="Did you mean `emoji`"):
        open_corpus("emojii")
