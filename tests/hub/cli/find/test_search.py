"""`hub search`: people get a table, programs get JSON."""

from __future__ import annotations

import json
import sys

import pytest

KEYS = ["name", "owner", "kind", "method", "bases", "encoder", "languages", "license", "revision", "scores"]


def names(answer) -> list[str]:
    return [each["name"] for each in json.loads(answer.out)]


def test_a_program_gets_a_list_of_objects_with_these_keys(hub):
    answer = hub("search", "--json", "mulan")
    (found,) = json.loads(answer.out)
    assert list(found) == KEYS
    assert (found["name"], found["owner"], found["kind"]) == ("mulan-yo", "linguahub", "adapter")
    assert found["bases"] == ["small-sd"]
    assert found["languages"] == ["yo"]
    (score,) = found["scores"]
    assert {"metric", "value", "benchmark", "split", "language", "provenance"} <= score.keys()
    assert (score["metric"], score["value"], score["provenance"]) == ("r_precision_at_1", 0.7125, "self-reported")


@pytest.mark.parametrize("spelling", ["yo", "yor", "Yoruba", "Yorùbá", "Èdè Yorùbá"])
def test_a_language_can_be_spelt_in_any_usual_way(hub, spelling):
    assert names(hub("search", "--lang", spelling, "--json")) == ["mulan-yo", "pea-many"]


def test_the_best_curated_artifact_is_first_and_a_multilingual_one_is_found_too(hub):
    lines = hub("search", "--lang", "yo").out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "METHOD", "BASES", "LANGUAGES", "BEST", "SCORE", "LICENCE"]
    assert lines[1].split()[0] == "mulan-yo"
    assert "R@1 0.713 (self-reported)  " in lines[1]
    assert lines[2].split()[0] == "pea-many"
    assert "yo + 5 more" in lines[2]
    assert "CLIP 0.9 (reported)" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kind", "base"], ["small-sd"]),
        (["--method", "pea"], ["pea-many", "pea-upstream"]),
        (["--base", "small-sd", "--lang", "zh"], ["pea-many", "pea-upstream"]),
        (["--license", "unknown"], ["pea-upstream"]),
        (["elsewhere"], ["pea-upstream"]),
        (["--sort", "name", "--limit", "2"], ["mulan-yo", "pea-many"]),
    ],
)
def test_every_facet_narrows_the_answer(hub, arguments, expected):
    assert names(hub("search", "--json", *arguments)) == expected


def test_a_short_page_shows_how_many_more_there_are(hub):
    assert hub("search", "--limit", "1").out.rstrip().endswith("3 more. Show all with `--limit 4`.")


def test_a_search_without_results_exits_with_zero(hub):
    answer = hub("search", "nothing-like-this")
    assert answer.code == 0
    assert answer.out.startswith("No artifacts match.")
    assert json.loads(hub("search", "nothing-like-this", "--json").out) == []


def test_a_pipe_gets_no_escape_codes(hub):
    assert "\033" not in hub("search").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lang", "qqqqzzzz"], "no language is called `qqqqzzzz`"),
        (
            ["--sort", "beauty"],
            "unknown sort order `beauty`: choose one of score, updated, downloads, trend, name, metric.",
        ),
        (["--limit", "0"], "--limit"),
        (["--colour"], "No such option: --colour"),
        (["--kind", "lora"], "no kind is called `lora`. Did you mean `delta`?"),
        (["--kind", "adaptor"], "no kind is called `adaptor`. Did you mean `adapter`"),
        (["--base", "small-sdd"], "no base is called `small-sdd`. Did you mean `small-sd`?"),
        (["--base", "bogus"], "no base is called `bogus`. List them with `hub bases`."),
        (["--method", "mullan"], "no method is called `mullan`. Did you mean `mulan`?"),
        (["--metric", "r_precision_at1"], "no metric is called `r_precision_at1`. Did you mean `r_precision_at_1`?"),
        (["--metric", "clip_score", "--benchmark", "emoji"], "no benchmark is called `emoji`."),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(hub, arguments, message):
    answer = hub("search", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("hub: ")
    assert message in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["--kind", "delta"], ["--metric", "clip_score"], ["--base", "small-sd", "--lang", "fr", "--kind", "base"]],
)
def test_a_filter_that_exists_and_selects_nothing_exits_with_zero(hub, arguments):
    answer = hub("search", *arguments)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("No artifacts match.")


@pytest.mark.parametrize(
    ("typed", "meant"), [("yorba", "yoruba"), ("mulan-jo", "mulan-yo"), ("pea upstraem", "pea upstream")]
)
def test_a_misspelt_word_is_answered_with_a_similar_one(hub, typed, meant):
    assert f"`{meant}`" in hub("search", typed).out


@pytest.fixture
def narrow(hub, monkeypatch):
    """Runs a command in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)  # Of the stream of this test, not of its fixtures.
        return hub(*arguments)

    return run


LONG = "a-module-with-a-long-name-for-many-bases"


@pytest.mark.parametrize(
    "command",
    [
        ("search",),
        ("leaderboard", "emoji-generation", "r_precision_at_1", "--provenance", "self-reported"),
        ("bases",),
        ("show", LONG),
    ],
)
def test_names_are_whole_at_80_columns(narrow, cards, command):
    for kind in ("bases", "adapters"):
        text = (cards / kind / ("small-sd" if kind == "bases" else "mulan-yo") / "README.md").read_text()
        (cards / kind / f"{LONG}-{kind}" if kind == "bases" else cards / kind / LONG).mkdir()
        (cards / kind / (f"{LONG}-{kind}" if kind == "bases" else LONG) / "README.md").write_text(text)
    answer = narrow(*command)
    assert answer.code == 0
    assert LONG in answer.out
    assert [line for line in answer.out.splitlines() if len(line) > 80 and "load_pipeline" not in line] == []


def test_a_leaderboard_without_arguments_lists_the_benchmarks_and_metrics(hub):
    assert hub("leaderboard").out.splitlines()[1].split() == ["emoji-generation", "r_precision_at_1", "1"]
    assert [each["metric"] for each in json.loads(hub("leaderboard", "lingt2i", "--json").out)] == ["clip_score"]
    for arguments in (["emoji-generaton"], ["emoji-generation", "r_precision"], ["emoji-generation", "clip_score"]):
        answer = hub("leaderboard", *arguments)
        assert answer.code == 2
        assert "List them with `hub leaderboard" in answer.err
