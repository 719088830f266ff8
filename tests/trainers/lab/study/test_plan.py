"""The plan of the study."""

from __future__ import annotations

from collections import defaultdict

import pytest

from hub.errors import InvalidRequest
from trainers.corpora import open_corpus
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.study.command import selected
from trainers.lab.study.plan import SEEDED, WIDE, Planned, Settings, all_subjects, make_plan
from trainers.lab.study.subjects import FIVE, RECIPES
from trainers.methods import get_plan
from trainers.recipes.recipe_file import read_recipe


@pytest.fixture(scope="module")
def languages() -> tuple[str, ...]:
    return open_corpus("emoji").languages


@pytest.fixture(scope="module")
def plan(languages: tuple[str, ...]) -> list[Planned]:
    return make_plan(Settings(), languages, HELD_OUT_LANGUAGES)


def test_each_cell_is_planned_once_and_after_those_that_it_needs(plan: list[Planned]) -> None:
    known = set[str]()
    for each in plan:
        assert all(need.key in known for need in each.needs), each.cell.key
        assert each.cell.key not in known
        known.add(each.cell.key)


def test_headline_cells_have_128_prompts_and_three_seeds(plan: list[Planned]) -> None:
    seeds = defaultdict(set)
    for each in plan:
        if each.cell.kind == "draw" and each.cell.count >= 128:
            seeds[each.cell.subject, each.cell.language, each.cell.split].add(each.cell.seed)
    known = all_subjects()
    for name in SEEDED:
        for tag in known[name].spoken:
            assert seeds[name, tag, "seen"] == seeds[name, tag, "pairs"] == {0, 1, 2}, (name, tag)


def test_images_are_measured_in_every_language(plan: list[Planned], languages: tuple[str, ...]) -> None:
    for name in WIDE:
        drawn = {
            each.cell.language
            for each in plan
            if (each.cell.kind, each.cell.subject) == ("draw", name)
            and each.cell.count >= 32
            and each.cell.split in {"pairs", "languages"}
        }
        assert drawn == set(languages) - {"en"}


def test_no_cell_is_measured_on_names_that_the_study_could_be_tuned_on(plan: list[Planned]) -> None:
    assert "validation" not in {each.cell.split for each in plan}


def test_a_pattern_selects_cells_and_their_requirements(plan: list[Planned]) -> None:
    keys = [each.cell.key for each in selected(plan, ["fid/pea/*"])]
    assert keys[-1] == "fid/pea/seen-s0-n128"
    assert set(keys[:-1]) == {"train/pea", *(f"draw/pea/{tag}-seen-s0-n128" for tag in FIVE)}


def test_a_pattern_without_cells_is_refused_with_an_example(plan: list[Planned]) -> None:
    with pytest.raises(InvalidRequest, match=r"no cell matches `draw/mulan-xx/\*`; for example, draw/english/"):
        selected(plan, ["draw/mulan-xx/*"])


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_published_recipe_has_no_phase_on_token_states(path) -> None:
    recipe = read_recipe(str(path))
    phases = [phase.name for phase in recipe.changes.apply(get_plan(recipe.method), what=path.name).phases]
    assert "distil" not in phases
    assert phases


def test_every_subject_that_is_trained_names_a_method_and_recipe_that_exist() -> None:
    for subject in all_subjects().values():
        if subject.training is not None:
            assert get_plan(subject.training.method).name == subject.method or subject.training.merged
            assert not subject.training.recipe or (RECIPES / f"{subject.training.recipe}.yaml").is_file()
