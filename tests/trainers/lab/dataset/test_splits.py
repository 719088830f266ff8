"""The splits of the data set `emoji` are as described in its card."""

from __future__ import annotations

from collections import defaultdict

import pytest

from trainers.corpora.emoji_dataset import World, digest, read
from trainers.lab.dataset.captions import english_names, make_captions
from trainers.lab.dataset.concepts import Concept
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES, split_of
from trainers.lab.models.encoder import may_be_read


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_the_committed_rows_have_the_digest_that_the_card_states(world: World) -> None:
    assert digest(read(world.folder)) == world.digest


def test_every_committed_split_follows_the_current_rule(world: World) -> None:
    concepts = {id: Concept(**row) for id, row in world.concepts.items()}
    wrong = [name for name in world.names if split_of(name.language, concepts[name.concept]) != name.split]
    assert not wrong


def test_a_held_out_pair_is_known_in_other_languages(world: World) -> None:
    seen = defaultdict(set)
    for name in world.names:
        if name.split == "seen":
            seen[name.concept].add(name.language)
    held_out = [name for name in world.names if name.split in ("pairs", "validation")]
    assert held_out
    assert all(len(seen[name.concept]) > 50 and name.language not in seen[name.concept] for name in held_out)


def test_a_language_is_held_out_as_a_whole(world: World) -> None:
    splits = {name.split for name in world.names if name.language in HELD_OUT_LANGUAGES}
    assert splits == {"languages", "combinations"}


def test_a_combination_is_held_out_in_every_language(world: World) -> None:
    held_out = {name.concept for name in world.names if name.split == "combinations"}
    assert {name.split for name in world.names if name.concept in held_out} == {"combinations"}


def test_the_parts_of_a_held_out_skin_tone_are_seen(world: World) -> None:
    seen = {name.concept for name in world.named("en") if name.split == "seen"}
    tones = [row for row in world.concepts.values() if row["role"] == "tone"]
    held_out = [row for row in tones if row["id"] not in seen]
    assert held_out
    for row in held_out:
        tone = row["id"].split("-")[-1]
        assert row["parent"] in seen
        assert any(other["id"].endswith(tone) and other["id"] in seen for other in tones)


def test_the_encoder_reads_no_name_of_a_held_out_pair_or_combination(world: World) -> None:
    assert not [name for name in world.names if may_be_read(world, name) and name.split not in ("seen", "languages")]


def test_the_base_sees_no_held_out_combination_but_a_flag_under_its_country_alone(world: World) -> None:
    for name in english_names(world, with_combinations=False):
        if name.split == "combinations":
            captions = make_captions(name, names_only=True, with_combinations=False, seed=3)
            assert world.concepts[name.concept]["role"] == "flag"
            assert not [caption for caption in captions if caption.startswith("flag")]


def test_every_culture_names_its_source_in_unicode(world: World) -> None:
    english = {name.concept: name for name in world.named("en")}
    for id, row in world.concepts.items():
        if row["culture"] and row["role"] == "base":
            word = row["culture_source"].split(": ", 1)[1]
            assert word in row["name"] or word in english[id].keywords
