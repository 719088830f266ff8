"""`hub search`: people get a table, programs get JSON."""

from __future__ import annotations

import json

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
def test_a_language_may_be_spelt_as_people_do(hub, spelling):
    assert names(hub("search", "--lang", spelling, "--json")) == ["mulan-yo", "pea-many"]


def test_the_best_curated_artifact_is_first_and_a_multilingual_one_is_found_too(hub):
    lines = hub("search", "--lang", "yo").out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "METHOD", "BASES", "LANGUAGES", "BEST", "SCORE", "LICENCE"]
    assert "linguahub/mulan-yo" in lines[1]
    assert "r_precision_at_1 0.7125 [0.65–0.77] on emoji-generation/seen, yo, self-reported" in lines[1]
    assert "linguahub/pea-many" in lines[2]
    assert "yo + 5 more" in lines[2]
    assert "reported" in lines[2]


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


def test_a_short_page_says_how_many_more_there_are(hub):
    assert hub("search", "--limit", "1").out.rstrip().endswith("3 more. Show all with `--limit 4`.")


def test_finding_nothing_is_no_mistake(hub):
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
        (["--sort", "beauty"], "unknown sort order `beauty`: choose one of score, updated, downloads, name, metric."),
        (["--limit", "0"], "--limit"),
        (["--colour"], "No such option: --colour"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(hub, arguments, message):
    answer = hub("search", *arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("hub: ")
    assert message in answer.err
    assert answer.err.count("\n") == 1
