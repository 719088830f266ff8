"""`hub new` writes a card, and `hub push` reports all mistakes of a folder at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.cards.front_matter import split_front_matter
from hub.local import LocalHub


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_a_new_card_is_pushed_once_it_is_filled_in(hub, here):
    made = hub("new", "ade/mulan-sw", "--base", "small-sd", "--lang", "Swahili", "--method", "mulan")
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[0] == "mulan-sw/README.md"
    card = here / "mulan-sw" / "README.md"
    front_matter, _ = split_front_matter(card.read_text())
    assert (front_matter["language"], front_matter["base_model"], front_matter["license"]) == (
        "sw",
        "small-sd",
        "apache-2.0",
    )
    refused = hub("push", "mulan-sw")
    assert (refused.code, "`linguahub.summary` is missing" in refused.err) == (2, True)
    card.write_text(card.read_text().replace("summary:", "summary: Swahili for a small base."))
    assert hub("push", "mulan-sw", "--name", "ade/mulan-sw").code == 0
    with LocalHub.open() as opened:
        assert opened.registry.get("ade/mulan-sw").method == "mulan"


def test_an_existing_card_is_not_overwritten(hub, here):
    assert hub("new", "mine").code == 0
    again = hub("new", "mine")
    assert (again.code, "already exists" in again.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "lora"], "no kind is called `lora`. Did you mean `delta`?"),
        (["--base", "small-sdd"], "no base is called `small-sdd`. Did you mean `small-sd`?"),
        (["--lang", "jp"], "no language is called `jp`. Did you mean `ja`?"),
        (["--license", "my-own"], "`my-own` is neither an SPDX expression"),
    ],
)
def test_a_card_is_not_begun_with_a_mistake(hub, here, arguments, message):
    answer = hub("new", "mine", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert not (here / "mine").exists()


def test_all_mistakes_of_a_folder_are_told_at_once_in_one_line(hub, folder):
    card = folder / "README.md"
    text = card.read_text().replace("language: sw", "language: jp").replace("license: mit", "license: nope")
    card.write_text(text.replace("small-sd", "small-sdd"))
    (folder / "run.exe").write_bytes(b"MZ\x90\0" + bytes(60))
    (folder / "emoji-sd").mkdir()
    (folder / "emoji-sd" / "config.json").write_text('{"format": 7}')
    refused = hub("push", folder)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    for mistake in ("a program", "language 'jp' is unknown (similar: ja)", "license 'nope'", "`format` is 7"):
        assert mistake in refused.err
    card.write_text(text.replace("small-sd", "small-sdd").replace("jp", "sw").replace("nope", "mit"))
    for mistake in (
        "a program",
        "`format` is 7",
        "the base `linguahub/small-sdd` does not exist on this hub. Did you mean",
    ):
        assert mistake in hub("push", folder).err


def test_a_base_can_be_an_upstream_repository(hub, folder):
    card = folder / "README.md"
    card.write_text(card.read_text().replace("linguahub/small-sd", "stabilityai/stable-diffusion-2-1"))
    assert hub("push", folder).code == 0
