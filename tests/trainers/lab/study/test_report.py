"""The report of the study, from invented cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.errors import InvalidRequest
from tests.builders.study import invented_folder
from trainers.corpora import open_corpus
from trainers.evaluation.confidence import Interval
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.study.cells import Cell, Result, WorkFolder
from trainers.lab.study.plan import Planned, Settings, all_subjects, make_plan
from trainers.lab.study.report.claims import CLAIMS, MISSING
from trainers.lab.study.report.languages import level_of
from trainers.lab.study.report.measured import Measured, number, show
from trainers.lab.study.report.plots import pareto_front
from trainers.lab.study.report.write import write_report

SETTINGS = Settings(headline=6, others=4, seeds=(0,))


@pytest.fixture(scope="module")
def plan() -> list[Planned]:
    return make_plan(SETTINGS, open_corpus("emoji").languages, HELD_OUT_LANGUAGES)


def draw(subject: str, language: str, ranks: list[int], *, seed: int = 0, split: str = "seen") -> Result:
    found = {"concepts": [f"c{place}" for place in range(len(ranks))], "ranks": ranks, "cosines": [0.5] * len(ranks)}
    return Result(Cell("draw", subject, language, split, seed, len(ranks)), 1.0, found)


def report_of(folder: Path, plan: list[Planned], is_there: Callable[[Cell], bool]) -> dict[str, str]:
    work = invented_folder(folder / "work", plan, SETTINGS, is_there)
    files = write_report(work, folder / "out")
    return {each.name: each.read_text(encoding="utf-8") for each in files if each.suffix != ".webp"} | {
        each.name: "" for each in files if each.suffix == ".webp"
    }


def test_a_part_of_the_cells_makes_a_report_that_lists_what_is_missing(tmp_path: Path, plan: list[Planned]) -> None:
    subjects = {"english", "base", "memory-many", "pea"}
    found = report_of(tmp_path, plan, lambda cell: cell.subject in subjects and cell.kind in {"draw", "train", "sheet"})
    page = found["index.md"]
    assert re.search(r"This report is partial: \d+ of [\d,]+ cells are measured", page)
    assert "`full-published`" in page.partition("Not trained yet:")[2].partition("\n")[0]
    assert "| pea, after texts |" in page.replace("**our recipes**: ", "| ").replace("| | ", "| ")
    assert MISSING in page
    assert {"cells.csv", "questions.md", "splits.svg", "parity.svg", "sheet-yo.webp"} <= found.keys()
    assert "curve.svg" not in found
    assert "(curve.svg)" not in found["questions.md"]


def test_the_same_cells_make_the_same_report(tmp_path: Path, plan: list[Planned]) -> None:
    def is_there(cell: Cell) -> bool:
        return cell.subject in {"english", "iap", "pea"} and cell.kind in {"draw", "train"} and not cell.variant

    first, second = report_of(tmp_path / "a", plan, is_there), report_of(tmp_path / "b", plan, is_there)
    assert first == second
    assert "pareto.svg" in first


def test_every_measured_cell_is_a_row_of_the_data_file(tmp_path: Path, plan: list[Planned]) -> None:
    def is_there(cell: Cell) -> bool:
        return cell.subject in {"english", "mclip", "mulan"} and cell.language in {"", "yo", "de"}

    found = report_of(tmp_path, plan, is_there)
    rows = list(csv.DictReader(found["cells.csv"].splitlines()))
    assert len(rows) == sum(is_there(each.cell) for each in plan)
    assert {row["kind"] for row in rows} == {"train", "draw", "text", "retrieve", "fid", "latency", "sheet"}


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="holds no study: start one with `hub study"):
        write_report(WorkFolder(tmp_path), tmp_path / "out")


def test_parity_compares_the_same_prompts_and_noise() -> None:
    measured = Measured(
        [
            draw("english", "yo", [0, 0, 0, 5], seed=0),
            draw("english", "yo", [0, 0, 0, 0], seed=1),
            draw("pea", "yo", [0, 5, 5, 5], seed=0),
        ]
    )
    found = measured.parity("pea", ["yo"], "seen")
    assert found is not None
    assert found.value == pytest.approx(1 / 3)
    assert measured.parity("pea", ["yo", "sw"], "seen") is None


def test_a_share_counts_each_prompt_once_and_each_name_as_one() -> None:
    measured = Measured(
        [draw("pea", "yo", [0, 5]), draw("pea", "yo", [0, 5, 5, 5]), draw("pea", "yo", [5, 5, 5, 5], seed=1)]
    )
    found = measured.share("pea", ["yo"], "seen")
    assert found is not None
    assert (found.value, found.count) == (1 / 8, 4)
    assert measured.seeds("pea", ["yo"], "seen") == 2


def test_a_share_of_zero_has_an_interval() -> None:
    found = Measured([draw("pea", "yo", [5] * 20)]).share("pea", ["yo"], "seen")
    assert found is not None
    assert found.low == 0
    assert found.high > 0.1


def test_english_drop_is_the_loss_of_the_module_on_the_same_prompts() -> None:
    measured = Measured([draw("english", "en", [0, 0, 0, 0]), draw("pea", "en", [0, 0, 5, 5])])
    found = measured.english_drop("pea")
    assert found is not None
    assert found.value == 0.5


def test_the_pareto_front_leaves_out_entries_that_are_not_better_than_a_cheaper_one() -> None:
    assert pareto_front([(10, 0.2), (20, 0.5), (30, 0.4), (40, 0.5), (50, 0.6)]) == [(10, 0.2), (20, 0.5), (50, 0.6)]


def test_each_claim_has_a_verdict_with_and_without_cells(tmp_path: Path, plan: list[Planned]) -> None:
    everything = Measured(invented_folder(tmp_path, plan, SETTINGS, lambda cell: cell.kind != "text").results())
    for claim in CLAIMS:
        assert claim.check(Measured([]))[0] in {MISSING, "not testable here"}, claim.text
        verdict, reason = claim.check(everything)
        assert verdict != MISSING, claim.text
        assert reason


def test_every_language_of_the_corpus_has_a_level_of_resources() -> None:
    levels = {tag: level_of(tag) for tag in open_corpus("emoji").languages}
    assert {levels[tag] for tag in ("de", "ar", "hi")} == {"high"}
    assert levels["yo"] == "low"
    assert sum(level == "not listed" for level in levels.values()) < 12


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, ".50"), (0.0, ".00"), (-0.05, "-.05"), (1.0, "1.00"), (1.25, "1.25"), (None, "–")]
)
def test_shares_are_written_with_two_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals_are_written_in_brackets() -> None:
    assert show(Interval(0.88, 0.81, 0.92, 10)) == ".88 [.81–.92]"
    assert len(all_subjects()) == len({each.name for each in all_subjects().values()})
