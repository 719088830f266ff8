"""`hub parity`, `hub recommend` and `hub compare` on the curated cards: what they print, and what they refuse."""

from __future__ import annotations

import json

import pytest

from hub.cli import main


@pytest.fixture
def hub(capsys: pytest.CaptureFixture[str]):
    """Run a command on the curated cards."""

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_map_shows_raw_translated_and_best_module_with_intervals(hub):
    code, out, _ = hub("parity", "--base", "emoji-sd", "--lang", "yo,Swahili", "--split", "pairs")
    assert code == 0
    heading, titles, *rows = out.splitlines()
    assert heading.startswith("emoji-sd: r_precision_at_1 on emoji-generation/pairs, digest 16706f8f, n 32–319")
    assert titles.split()[:4] == ["TAG", "LANGUAGE", "RAW", "TRANSLATED"]
    assert [row.split()[0] for row in rows[:2]] == ["sw", "yo"]
    assert all(row.count("[") == 3 for row in rows[:2])
    out = hub("parity", "--base", "emoji-sd", "--lang", "yo")[1]
    others = next(line for line in out.splitlines() if line.startswith("Also measured, but not comparable: "))
    assert "emoji-generation/combinations r_precision_at_1" in others


def test_a_base_without_measurements_gets_the_command_its_cost_and_reported_scores(hub):
    code, out, _ = hub("parity", "--base", "SD XL", "--lang", "zh")
    assert code == 0
    assert "No parity of `sdxl` is known here." in out
    assert "lingt2i" in out
    assert "Not measured in 1 languages: zh." in out
    assert "256 images, about 15 minutes on one H100 SXM, $0.49" in out
    assert "hub evaluate sdxl --benchmark corpus-prompts --corpus emoji --split seen --lang zh --metric parity" in out


def test_all_bases_with_parities_are_shown_and_the_others_counted(hub):
    code, out, _ = hub("parity", "--lang", "yo")
    assert code == 0
    assert out.index("emoji-sd: ") < out.index("emoji-dit: ")
    assert "have no parity here" in out
    found = json.loads(hub("parity", "--lang", "yo", "--json")[1])
    measured = [each["base"] for each in found["bases"] if each["rows"]]
    assert measured == ["linguahub/emoji-sd", "linguahub/emoji-dit"]


def test_advice_recommends_a_module_that_transfers_and_shows_the_study_s_advice(hub):
    code, out, _ = hub("recommend", "--lang", "yo", "--base", "emoji-sd", "--need", "culture")
    assert code == 0
    assert out.startswith("Load `memory-")
    assert "it reads Yoruba zero-shot, and `linguahub/" in out
    assert "untraceable: AltDiffusion's code has neither a culture score nor a text accuracy" in out


def test_advice_for_a_language_without_a_module_is_a_line_that_trains_one(hub):
    found = json.loads(hub("recommend", "--lang", "ig", "--base", "emoji-dit", "--budget", "50", "--json")[1])
    assert (found["ready"], found["missing"]) == ([], ["ig"])
    assert found["training"][0]["command"] == "hub train mulan --base emoji-dit --lang ig"
    assert found["training"][0]["device"] == "CPU core"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("parity", "--base", "sdxll"), "no base is called `sdxll`. Did you mean `sdxl`"),
        (("parity", "--lang", "Yorubaa"), "no language is called `Yorubaa`. Did you mean"),
        (("parity", "--base", "emoji-sd", "--split", "pears"), "no metric is called `pears`"),
        (("recommend", "--lang", "yo"), "Missing option '--base'"),
        (("recommend", "--base", "sdxl"), "Missing option '--lang'"),
        (("recommend", "--base", "sdxl", "--lang", ","), "missing --lang"),
        (("recommend", "--base", "mulan-yo", "--lang", "yo"), "`mulan-yo` is of kind adapter, not a base"),
        (("recommend", "--base", "sdxl", "--lang", "yo", "--need", "speed"), "unknown need `speed`: choose one of budget,"),
        (("recommend", "--base", "sdxl", "--lang", "yo", "--budget", "-5"), "`budget` is -5: give a positive number"),
        (("recommend", "--base", "sdxl", "--lang", "yo", "--max-vram", "0"), "`max_vram` is 0: give a positive number"),
        (("recommend", "--base", "sdxl", "--lang", "yo", "--budget", "much"), "Invalid value for '--budget'"),
        (("leaderboard", "emoji-generation", "r_precision_at_1", "--method", "mulann"), "no method is called `mulann`"),
        (("leaderboard", "emoji-generation", "r_precision_at_1", "--base", "sdxll"), "no base is called `sdxll`"),
        (("show", "mulan-yo", "--score", "0" * 16), "no score is called"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_one_line_with_exit_code_2(hub, command, said):
    code, _, complaint = hub(*command)
    (line,) = (each for each in complaint.splitlines() if each.startswith("hub: "))
    assert (code, said in line) == (2, True), line


def test_a_run_record_is_found_by_the_id_of_a_leaderboard(hub):
    board = (
        "leaderboard",
        "emoji-generation",
        "r_precision_at_1",
        "--provenance",
        "self-reported",
        "--method",
        "mulan",
    )
    (seen, *_) = json.loads(hub(*board, "--split", "seen", "--lang", "yo", "--base", "emoji-sd", "--json")[1])
    entry = seen["entries"][0]
    code, out, _ = hub("show", entry["artifact"], "--score", entry["id"])
    assert code == 0
    assert f"source        {entry['score']['source']}" in out
    assert f"hub rescore mulan-yo --score {entry['id']}" in out


def test_a_comparison_shows_facts_and_marks_scores_that_are_better_beyond_their_intervals(hub):
    code, out, _ = hub("compare", "memory-yo", "mulan-yo", "--metric", "r_precision_at_1")
    assert code == 0
    lines = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert "multilingual-e5-small + emoji-xlmr" in lines["encoder"]
    assert "Languages of all: yo." in out
    seen, pairs = (
        next(line for line in out.splitlines() if f"emoji-generation/{split}" in line and " yo " in line)
        for split in ("seen", "pairs")
    )
    assert " *" not in seen
    assert "[0.19–0.37] *" in pairs
    found = json.loads(hub("compare", "memory-yo", "mulan-yo", "--json")[1])
    assert found["artifacts"] == ["linguahub/memory-yo", "linguahub/mulan-yo"]


def test_artifacts_without_comparable_scores_are_compared_by_their_facts(hub):
    code, out, _ = hub("compare", "sd15", "emoji-sd")
    assert code == 0
    assert "They have no comparable scores." in out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["memory-yo"], "2 to 4 artifacts, not 1: name more."),
        (["a", "b", "c", "d", "e"], "2 to 4 artifacts, not 5: leave some out."),
        (["sd15", "runwayml/stable-diffusion-v1-5"], "`linguahub/sd15` is given twice"),
        (["memory-yo", "memory-yoo"], "no artifact is called `memory-yoo`. Did you mean `memory-yo`"),
    ],
)
def test_a_comparison_of_wrong_names_is_refused(hub, names, said):
    code, out, err = hub("compare", *names)
    assert (code, out) == (2, "")
    assert said in err
