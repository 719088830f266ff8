"""Journeys of a user with `hub`, command by command, and their errors."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from hub.cards import write_card
from hub.errors import Unreachable
from hub.local import LocalHub
from hub.registry.database.schema import HEAD
from tests.builders.artifacts import a_card, a_score
from tests.builders.hub import delete_registry


def test_a_pushed_artifact_is_found_shown_and_pulled_again(hub, folder, tmp_path):
    pushed = hub("push", folder, "--message", "First.")
    assert (pushed.code, pushed.err) == (0, "")
    assert pushed.out.startswith("ade/mulan-sw revision 1 (")

    (found,) = json.loads(hub("search", "--lang", "Swahili", "--method", "mulan", "--json").out)
    assert (found["owner"], found["name"]) == ("ade", "mulan-sw")

    shown = hub("show", "mulan-sw").out
    assert "Swahili." in shown
    assert "First." in shown

    pulled = hub("pull", "mulan-sw", "--to", tmp_path / "copy")
    assert pulled.out.strip() == str(tmp_path / "copy")
    assert (tmp_path / "copy" / "README.md").read_bytes() == (folder / "README.md").read_bytes()
    assert not (tmp_path / "copy" / "README.md").is_symlink()


def test_pushing_the_same_again_changes_nothing_and_something_new_is_a_new_revision(hub, folder):
    hub("push", folder)
    assert "revision 1" in hub("push", folder).out
    card = folder / "README.md"
    card.write_text(card.read_text() + "\nMore.\n")
    assert "revision 2" in hub("push", folder, "--name", "ade/mulan-sw").out


def test_an_old_revision_can_be_pulled(hub, folder):
    hub("push", folder)
    old = (folder / "README.md").read_text()
    (folder / "README.md").write_text(old + "\nMore.\n")
    hub("push", folder)
    from pathlib import Path

    assert (Path(hub("pull", "mulan-sw", "--revision", "1").out.strip()) / "README.md").read_text() == old


def test_show_has_card_scores_files_revisions_and_how_to_load(hub):
    shown = hub("show", "mulan-yo").out
    for expected in (
        "mulan-yo", "Yoruba for a small base.", "0.7125 [0.65–0.77]", "emoji-generation/seen/yo", "256", "self-reported",
        "README.md", "From the curated cards.", 'pipe = load_pipeline("small-sd", adapter="mulan-yo")', "hub show mulan-yo --card",
    ):  # fmt: skip
        assert expected in shown
    assert "Trained on two cores." not in shown
    assert "Trained on two cores." in hub("show", "mulan-yo", "--card").out


def test_show_is_a_summary_and_has_everything_on_request(hub, tmp_path):
    folder = tmp_path / "many"
    scores = tuple(a_score(0.1 + number / 100, language="sw", split=f"split-{number}") for number in range(9))
    write_card(a_card(languages=("sw",), bases=(), scores=scores), folder)
    for number in range(12):
        (folder / f"notes-{number:02}.txt").write_text("a note")
        if number > 7:
            hub("push", folder)
    shown = hub("show", "many").out
    assert "4 more. Show all with `--scores`." in shown
    assert "3 more. Show all with `--files`." in shown
    assert "1 more. Show all with `--revisions`." in shown
    assert "split-8" in shown
    assert "split-0" not in shown
    everything = hub("show", "many", "--scores", "--files", "--revisions").out
    assert "split-0" in everything
    assert "notes-11.txt" in everything
    assert "more. Show all" not in everything


def test_show_tells_programs_everything(hub):
    shown = json.loads(hub("show", "mulan-yo", "--json").out)
    assert shown["files"][0].keys() == {"path", "sha256", "size_bytes"}
    assert shown["scores"][0]["low"] == 0.65
    assert shown["revisions"][0]["number"] == 1


def test_bases_print_the_conditioning_of_their_denoisers(hub):
    assert "any × 8" in hub("bases").out
    (base,) = json.loads(hub("bases", "--json").out)
    assert base["conditioning"] == {"width": 8, "length": None, "pooled_width": None, "mask": False}


def test_languages_are_counted_and_named(hub):
    lines = [line.split() for line in hub("languages").out.splitlines()]
    assert ["yo", "Yoruba", "Èdè", "Yorùbá", "2"] in lines
    assert {"tag": "yo", "name": "Yoruba", "autonym": "Èdè Yorùbá", "artifacts": 2} in json.loads(
        hub("languages", "--json").out
    )


def test_a_deleted_registry_is_rebuilt_with_pushed_artifacts(hub, folder, home):
    hub("push", folder)
    delete_registry(home)
    assert hub("index").code == 0
    assert json.loads(hub("search", "--lang", "sw", "--method", "mulan", "--json").out)[0]["name"] == "mulan-sw"


def test_index_reports_a_card_it_had_to_leave_out(hub, cards):
    (cards / "adapters" / "broken").mkdir()
    (cards / "adapters" / "broken" / "README.md").write_text("---\nlanguage: [yo\n---\n")
    answer = hub("index")
    assert answer.code == 1
    assert "skipped adapters/broken" in answer.err
    assert len(json.loads(hub("search", "--json").out)) == 4


def test_verify_is_clean_after_a_push_that_was_killed_half_way_and_the_push_can_be_repeated(
    hub, folder, home, monkeypatch
):
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    hub("index")
    with monkeypatch.context() as patched:
        patched.setattr("hub.registry.Registry.record", die)
        assert hub("push", folder).code == 130
    answer = hub("verify")
    assert (answer.code, answer.err) == (0, "")
    assert "no faults" in answer.out
    assert "unreferenced blobs: 2," in answer.out
    assert hub("show", "mulan-sw").code == 2
    assert hub("push", folder).code == 0
    assert hub("verify").code == 0


def test_verify_names_lost_and_damaged_blobs(hub, folder):
    hub("push", folder)
    with LocalHub.open() as local:
        (file,) = local.registry.revision("mulan-sw").files
        path = local.store.path(file.digest)
    path.chmod(0o644)
    path.write_bytes(b"other bytes")
    damaged = hub("verify")
    assert damaged.code == 1
    assert "ade/mulan-sw@1:README.md" in damaged.err
    assert hub("push", folder).code == 0
    assert hub("verify").code == 0
    path.unlink()
    lost = hub("verify")
    assert lost.code == 1
    assert "missing" in lost.err


@pytest.mark.parametrize("name", ["../evil", "a/b/c", "nul\0byte", "api/me", "-dash", "x" * 97, "two--dashes"])
def test_a_reserved_name_is_refused(hub, folder, name):
    answer = hub("push", folder, "--name", name)
    assert answer.code == 2
    assert answer.err.count("\n") == 1


def test_a_name_that_differs_in_case_alone_is_refused(hub, folder):
    hub("push", folder)
    answer = hub("push", folder, "--name", "ade/Mulan-SW")
    assert answer.code == 2
    assert "mulan-sw" in answer.err


def test_a_policy_decides_which_files_are_published(hub, folder):
    assert hub("admin", "file", "policy", "safetensors-only").out == "(server)\tsafetensors-only\n"
    (folder / "weights.bin").write_bytes(b"\x80\x02.")
    answer = hub("push", folder)
    assert answer.code == 2
    assert "weights.bin" in answer.err
    assert hub("show", "mulan-sw").code == 2
    assert hub("admin", "file", "policy", "scan", "--owner", "ade").out == "(server)\tsafetensors-only\nade\tscan\n"
    assert hub("push", folder).code == 0
    assert "weights.bin: pickle, not scanned yet" in hub("show", "mulan-sw").out
    assert hub("admin", "file", "policy", "--owner", "ade", "--reset").out == "(server)\tsafetensors-only\n"
    assert hub("admin", "file", "policy", "--reset").code == 2
    assert hub("admin", "file", "list").out == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("language: sw", "language: [sw", "YAML"),
        ("language: sw", "language: qqqqzzzz", "qqqqzzzz"),
        ("license: mit", "license: do-what-i-say", "do-what-i-say"),
    ],
)
def test_a_wrong_card_is_refused_with_its_reason(hub, folder, old, new, message):
    card = folder / "README.md"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))
    answer = hub("push", folder)
    assert answer.code == 2
    assert message in answer.err
    assert answer.err.count("\n") == 1


def test_unknown_names_are_refused_with_similar_ones(hub, tmp_path):
    for arguments in (["show", "mulan-yp"], ["pull", "mulan-yp"]):
        answer = hub(*arguments)
        assert answer.code == 2
        assert "`mulan-yo`" in answer.err
    assert hub("push", tmp_path / "nowhere").code == 2
    assert hub("show", "mulan-yo", "--revision", "77").code == 2


def test_a_folder_that_exists_is_not_overwritten(hub, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("mine")
    answer = hub("pull", "mulan-yo", "--to", tmp_path / "mine")
    assert answer.code == 1
    assert (tmp_path / "mine" / "README.md").read_text() == "mine"


def test_a_full_disk_leaves_no_half_of_a_copy(hub, tmp_path, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    answer = hub("pull", "mulan-yo", "--to", tmp_path / "copy")
    assert answer.code == 1
    assert "No space left on device" in answer.err
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".hub-pull-*"))


def test_a_home_that_cannot_be_made_is_one_line(hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HUB_HOME", str(tmp_path / "file" / "home"))
    answer = hub("search")
    assert answer.code == 1
    assert "HUB_HOME" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.skipif(
    os.geteuid() == 0, reason="root may write everywhere, so no folder is read-only to it: run as another user"
)
def test_a_read_only_home_is_one_line(hub, home):
    hub("index")
    home.chmod(0o555)
    try:
        answer = hub("index")
    finally:
        home.chmod(0o755)
    assert answer.code == 1
    assert answer.err.count("\n") == 1


def test_a_registry_that_is_not_a_database_is_one_line(hub, home):
    (home / "registry.db").write_text("once upon a time there was a very long text " * 50)
    answer = hub("search")
    assert answer.code == 1
    assert "hub index" in answer.err


def test_no_network_is_one_line_that_names_the_repository(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    answer = hub("pull", "pea-upstream")
    assert answer.code == 1
    assert "org/adapter" in answer.err
    assert answer.err.count("\n") == 1


def test_without_diffusers_a_base_upstream_names_the_extra(hub, cards, monkeypatch):
    import sys

    from hub.cards import write_card
    from hub.cards.card import Card
    from hub.conditioning import Conditioning
    from hub.records import Upstream

    base = Card(
        kind="base", summary="Elsewhere.", license="MIT", languages=("en",), conditioning=Conditioning(width=8),
        upstream=(Upstream(repository="org/base", file="model_index.json"),),
    )  # fmt: skip
    write_card(base, cards / "bases" / "far-sd")
    monkeypatch.setitem(sys.modules, "diffusers", None)
    monkeypatch.setattr("hub.remote.upstream.is_online", lambda: True)
    answer = hub("pull", "far-sd")
    assert answer.code == 2
    assert "linguahub[load]" in answer.err


def test_doctor_names_missing_parts_and_the_command_that_installs_them(hub, monkeypatch):
    def broken() -> None:
        raise Unreachable("cannot create /nowhere: Read-only file system. Set HUB_HOME to a folder you can write.")

    assert hub("doctor").code == 0
    monkeypatch.setattr("hub.local.LocalHub.open", lambda *_: broken())
    answer = hub("doctor", "--json")
    assert answer.code == 1
    findings = {finding["what"]: finding for finding in json.loads(answer.out)}
    assert findings["registry"]["state"] == "fault"
    assert findings["registry"]["fix"] == "hub index"
    assert findings["torch"]["state"] == "ok"


def doctors_word_on(hub, what):
    findings = json.loads(hub("doctor", "--json").out)
    return next(finding for finding in findings if finding["what"] == what)


def test_doctor_shows_which_schema_the_registry_has_and_should_have(hub):
    assert f"{HEAD}, expected {HEAD}" in hub("doctor").out
    found = doctors_word_on(hub, "schema")
    assert (found["state"], found["found"], found["expected"]) == ("ok", HEAD, HEAD)


def test_doctor_reports_a_registry_of_a_newer_linguahub(hub, home):
    hub("index")
    with closing(sqlite3.connect(home / "registry.db")) as registry:
        registry.executescript("UPDATE alembic_version SET version_num = '0999'")
    assert hub("doctor").code == 1
    found = doctors_word_on(hub, "schema")
    assert (found["state"], found["found"], found["expected"]) == ("fault", "0999", HEAD)
    assert found["fix"] == "pip install --upgrade linguahub"
    assert doctors_word_on(hub, "registry")["fix"] == ""
