"""Scores of the study in the cards of the registry, from invented cells."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cards import read_card
from hub.errors import InvalidRequest
from hub.names import ArtifactName
from hub.records import Provenance, Score
from hub.scores.parity import SEPARATOR, derive_parities
from tests.builders import ROOT
from tests.builders.study import invented_folder
from trainers.corpora import open_corpus
from trainers.evaluation import get_benchmark
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.study.cells import Cell, WorkFolder
from trainers.lab.study.plan import TRIAL, Settings, make_plan
from trainers.lab.study.publish.cell_scores import IMAGES
from trainers.lab.study.publish.study_cards import publish_scores
from trainers.lab.study.training import artifact
from trainers.rescoring.run_record import read_record

SETTINGS = Settings(headline=36, others=32, seeds=(0,))
SUBJECTS = {"english", "base", "translate", "memory-many", "memory-own", "iap-published", "clip", "mclip", "real"}
CARDS = (
    "bases/emoji-sd",
    "adapters/memory-many",
    "encoders/emoji-clip",
    *(f"adapters/memory-{tag}" for tag in ("yo", "sw", "hi", "ar")),
)


def is_there(cell: Cell) -> bool:
    return cell.subject in SUBJECTS and cell.kind in {"draw", "train", "retrieve", "fid"}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[WorkFolder, Path]:
    """Return a work folder of invented cells, and cards with their scores."""
    folder = tmp_path_factory.mktemp("study")
    work = study_in(folder / "work", SETTINGS)
    cards = folder / "cards"
    for each in CARDS:
        (cards / each).mkdir(parents=True)
        shutil.copyfile(ROOT / "cards" / each / "README.md", cards / each / "README.md")
    publish_scores(work, cards, "a7928a9")
    return work, cards


def study_in(folder: Path, settings: Settings) -> WorkFolder:
    corpus = open_corpus("emoji")
    work = invented_folder(folder, make_plan(settings, corpus.languages, HELD_OUT_LANGUAGES), settings, is_there)
    (folder / "study.json").unlink()
    work.start(settings.as_json() | {"corpus": corpus.digest})
    for name in ("translate", "iap-published", "mclip"):
        target = artifact(name, work)
        target.mkdir(parents=True)
        source = {"translate": "translate-many", "iap-published": "iap-many", "mclip": "mclip-many"}[name]
        text = (ROOT / "cards/adapters" / source / "README.md").read_text(encoding="utf-8")
        recipe = f" --recipe {name}.yaml" if name.endswith("published") else ""
        text = re.sub("^    hub train .+", rf"\g<0>{recipe} ", text, count=1, flags=re.MULTILINE)
        (target / "README.md").write_text(text, encoding="utf-8")
    return work


def scores_of(cards: Path, place: str) -> list[Score]:
    found = read_card(cards / place, ArtifactName("linguahub", place.rpartition("/")[2])).scores
    return [each for each in found if each.benchmark == IMAGES or each.source.startswith("hub study")]


def parities_of(cards: Path, place: str, kind: str, method: str) -> dict[str, float]:
    """Return the derived parity of each language on names that no module was trained on."""
    scores = [*enumerate(scores_of(cards, place))]
    name = ArtifactName("linguahub", place.rpartition("/")[2])
    found = derive_parities(scores, name, kind, method, is_curated=True)
    cells = {tuple(each.cell.split(SEPARATOR)): each.value for each in found}
    return {cell[6]: value for cell, value in cells.items() if cell[1:5:3] == ("r_precision_at_1", "held-out")}


def test_raw_translated_and_the_best_module_have_a_parity_in_every_language(published: tuple[WorkFolder, Path]) -> None:
    languages = {*open_corpus("emoji").languages} - {"en"}
    for place, kind, method in (
        ("bases/emoji-sd", "base", ""),
        ("adapters/study-translate", "adapter", "translate"),
        ("adapters/memory-many", "adapter", "memory"),
    ):
        assert parities_of(published[1], place, kind, method).keys() == languages


def test_a_parity_of_no_right_image_still_has_an_interval(published: tuple[WorkFolder, Path]) -> None:
    scores = [each for each in scores_of(published[1], "bases/emoji-sd") if each.metric == "parity_r_precision_at_1"]
    nothing = [each for each in scores if each.value == 0]
    assert nothing
    assert all(each.low == 0 and each.high is not None and each.high > 0.05 for each in nothing)


def test_every_score_is_complete(published: tuple[WorkFolder, Path]) -> None:
    for place in (*CARDS, "adapters/study-translate", "adapters/study-iap-published", "adapters/study-mclip"):
        for each in scores_of(published[1], place):
            assert each.benchmark_digest == open_corpus("emoji").digest
            assert each.provenance is Provenance.SELF_REPORTED
            assert "; revision unpublished; " in each.source
            assert "; code a7928a9; " in each.source
            is_counted = each.benchmark != "efficiency"
            assert (each.sample_size is not None) == is_counted
            assert (each.seed is not None) == is_counted
            assert (each.low is not None) == (is_counted and not each.metric.startswith("fid"))


def test_a_score_of_a_module_with_weights_names_the_command_that_hub_rescore_repeats(
    published: tuple[WorkFolder, Path],
) -> None:
    scores = [each for each in scores_of(published[1], "adapters/memory-yo") if each.metric.startswith("r_precision")]
    assert {each.language for each in scores} == {"yo", "en"}
    for each in scores:
        record = read_record(each)
        assert not record.problem
        assert (record.get("--benchmark"), record.get("--n")) == (IMAGES, "36")


def test_the_command_uses_the_prompts_of_the_cell() -> None:
    assert getattr(get_benchmark(IMAGES), "steps", 0) == SETTINGS.steps
    corpus = open_corpus("emoji")
    for language, split in (("yo", "pairs"), ("zu", "languages")):
        assert corpus.prompts(language, "held-out") == corpus.prompts(language, split)
    assert not corpus.prompts("en", "held-out")


def test_a_module_that_the_study_trained_has_a_card_without_weights_that_describes_how_to_train_it(
    published: tuple[WorkFolder, Path],
) -> None:
    folder = published[1] / "adapters/study-iap-published"
    assert [each.name for each in folder.iterdir()] == ["README.md"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    recipe = text.partition("--recipe ")[2].partition(" ")[0]
    assert (ROOT / recipe).is_file()
    assert "    hub train iap --base emoji-sd" in text
    assert "as the study trained it" in text


def test_publishing_again_changes_nothing_and_keeps_scores_of_other_benchmarks(
    published: tuple[WorkFolder, Path],
) -> None:
    work, cards = published
    before = {path: path.read_bytes() for path in cards.rglob("README.md")}
    publish_scores(work, cards, "a7928a9")
    assert {path: path.read_bytes() for path in cards.rglob("README.md")} == before
    name = ArtifactName("linguahub", "memory-many")
    old, new = (read_card(each / "adapters/memory-many", name) for each in (ROOT / "cards", cards))
    assert {each for each in old.scores if each.benchmark != IMAGES} <= {*new.scores}
    assert new.prose == old.prose


def test_a_trial_other_data_and_a_missing_module_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    with pytest.raises(InvalidRequest, match="draws in 2 steps, and `emoji-generation-8-steps` in 8"):
        publish_scores(study_in(tmp_path / "trial", TRIAL), tmp_path / "cards")
    other = WorkFolder(tmp_path / "other")
    other.start(SETTINGS.as_json() | {"corpus": "d" * 64})
    with pytest.raises(InvalidRequest, match="holds a study on other data"):
        publish_scores(other, tmp_path / "cards")


def test_a_folder_without_cards_is_refused_with_one_line(tmp_path: Path) -> None:
    import typer

    from trainers.lab.study.command import study

    program = typer.Typer()
    program.command()(study)
    found = CliRunner().invoke(program, ["--publish", "--cards", str(tmp_path / "none")])
    assert isinstance(found.exception, InvalidRequest)
    assert "pass their folder with --cards" in str(found.exception)
