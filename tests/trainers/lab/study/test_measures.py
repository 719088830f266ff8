"""Measurements of the study's cells."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from hub.local import LocalHub
from trainers.corpora import open_corpus
from trainers.corpora.corpus import Prompt
from trainers.lab.study.cells import Cell
from trainers.lab.study.measures.image_store import ImageStore, image_key
from trainers.lab.study.measures.prompts import Prompts, mixed
from trainers.lab.study.training import write_pairs


def test_features_are_stored_by_all_inputs_of_an_image(tmp_path: Path) -> None:
    keys = {
        image_key(*each)
        for each in [
            ("base", "red heart", "2764", 0, 8),
            ("base", "red heart", "2764", 1, 8),
            ("pea", "red heart", "2764", 0, 8),
        ]
    }
    assert len(keys) == 3
    store, key = ImageStore(tmp_path / "images.db"), next(iter(keys))
    store.add({key: torch.arange(4.0)})
    again = ImageStore(tmp_path / "images.db")
    assert {name: features.tolist() for name, features in again.find(list(keys)).items()} == {key: [0.0, 1.0, 2.0, 3.0]}
    store.close()
    again.close()


def test_a_mixed_prompt_has_one_part_in_english() -> None:
    prompts = [
        Prompt("挥手：中等肤色", "zh", "a", "waving hand: medium skin tone"),
        Prompt("橙心", "zh", "b", "orange heart"),
    ]
    assert [each.text for each in mixed(prompts, first_in_english=True)] == ["waving hand: 中等肤色"]
    assert [each.text for each in mixed(prompts, first_in_english=False)] == ["挥手: medium skin tone"]


@pytest.mark.parametrize("tag", ["yo", "sw", "hi", "zh", "ar"])
def test_prompts_about_people_name_each_gender_and_tone(tag: str) -> None:
    with LocalHub.open() as hub:
        prompts = Prompts(open_corpus("emoji"), hub)
        assert len(prompts.of(Cell("draw", "base", tag, "people"))) == 45
        gallery = {each.concept for each in prompts.gallery("people")}
        assert {each.concept for each in prompts.people(tag)} <= gallery
        cultural = prompts.of(Cell("draw", "base", tag, "culture"))
        assert {each.concept for each in cultural} <= {each.concept for each in prompts.corpus.prompts(tag, "seen")}
        assert len(cultural) >= 25


def test_a_corpus_of_few_pairs_has_all_english_names_and_no_name_that_is_held_out(tmp_path: Path) -> None:
    corpus = open_corpus("emoji")
    with write_pairs(tmp_path / "yo.csv", corpus, "yo", 30).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    named = {row["yo"] for row in rows if row["yo"]}
    assert len([row for row in rows if row["yo"]]) == 30
    assert named <= {each.text for each in corpus.prompts("yo", "seen")}
    assert {row["en"] for row in rows} == {each.text for each in corpus.prompts("en", "seen")}
