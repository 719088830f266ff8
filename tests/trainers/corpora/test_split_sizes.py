"""The split sizes in `hub.cards.score_rules`, compared with the corpora, which the core does not import."""

from __future__ import annotations

from hub.cards.score_rules import SPLIT_SIZES
from trainers.corpora import open_corpus


def test_the_known_sizes_are_those_of_the_galleries_and_no_split_has_more_prompts() -> None:
    corpus = open_corpus("emoji")
    sizes = SPLIT_SIZES[corpus.digest]
    assert sizes == {split: len(corpus.gallery(split)) for split in corpus.base_splits}
    for split, size in sizes.items():
        assert len(corpus.prompts("en", split)) <= size
