"""Forms on the pages of an artifact, and the history that they change."""

from __future__ import annotations

import json
import re

import pytest

from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import change_settings
from tests.builders.server.people import browse, browser, furnished, hub

__all__ = ["browse", "browser", "furnished", "hub"]
NAME = ArtifactName("ada", "thing")
PAGE, HISTORY = "/ada/thing", "/ada/thing/commits/main"
ADA = Actor("ada")


@pytest.fixture(autouse=True)
def artifact(hub):
    create(NAME, hub.registry, hub.store, ADA)
    change(hub, {"README.md": b"# Hello\n\nold line\n", "a/config.json": b'{"steps": 1}'}, "Add a card")
    return change(
        hub, {"README.md": b"# Hello\n\nnew <line>\n", "a/config.json": b'{"steps": 2}', "x.bin": b"\0"}, "Change it"
    )


def change(hub, contents, message):
    files = [File(path, *hub.store.put(content)) for path, content in contents.items()]
    return commit(hub.registry.get(NAME), files, hub.registry, hub.store, ADA, message=message)


def test_a_reader_likes_an_artifact_once_and_takes_it_back(hub, browser):
    assert 'href="/login?next=/ada/thing"' in browser.get(PAGE).text
    browser.enter(hub, "bob")
    for _ in range(2):
        found = browser.send(PAGE, f"{PAGE}/like", {"liked": "yes"})
        assert (found.status_code, found.headers["location"]) == (303, PAGE)
        assert "♥ 1" in browser.get(PAGE).text
    browser.send(PAGE, f"{PAGE}/like", {"liked": "no"})
    assert "♡ 0" in browser.get(PAGE).text


def test_a_form_of_another_site_or_without_its_token_changes_nothing(hub, browser):
    browser.enter(hub, "bob")
    assert browser.post(f"{PAGE}/like", {"liked": "yes"}).status_code == 403
    assert browser.send(PAGE, f"{PAGE}/like", {"liked": "yes"}, sec_fetch_site="cross-site").status_code == 403
    assert hub.registry.get(NAME).likes == 0


def test_an_owner_yanks_a_revision_with_a_reason_and_undoes_it(hub, browser, artifact):
    browser.enter(hub, "ada")
    action, fields = f"{PAGE}/yank", {"revision": artifact.id, "yanked": "yes"}
    refused = browser.send(HISTORY, action, fields)
    assert refused.status_code == 400
    assert "The reason is missing" in refused.text
    found = browser.send(HISTORY, action, fields | {"reason": "trained on the test set"})
    assert (found.status_code, found.headers["location"]) == (303, HISTORY)
    assert hub.registry.revision(NAME).number == artifact.number - 1
    assert "yanked</span>" in browser.get(HISTORY).text
    browser.send(HISTORY, action, fields | {"yanked": "no"})
    assert hub.registry.revision(NAME).id == artifact.id


def test_others_see_no_form_to_yank_and_cannot_send_one(hub, browser, artifact):
    assert "/yank" not in browser.get(HISTORY).text
    browser.enter(hub, "bob")
    assert "/yank" not in browser.get(HISTORY).text
    fields = {"revision": artifact.id, "yanked": "yes", "reason": "no"}
    assert browser.send(PAGE, f"{PAGE}/yank", fields).status_code == 403
    assert "hf upload" not in browser.get(PAGE).text
    assert not hub.registry.revision(NAME, artifact.id).yanked


def test_an_owner_sees_how_to_upload(hub, browser):
    browser.enter(hub, "ada")
    assert "hf upload ada/thing ./folder" in browser.get(PAGE).text


def test_an_owner_hides_an_artifact_and_gates_its_files(hub, browser, browse):
    settings = f"{PAGE}/settings"
    assert browser.get(settings).headers["location"].startswith("/login")
    browser.enter(hub, "ada")
    assert 'value="public" checked' in browser.get(settings).text
    found = browser.send(settings, settings, {"visibility": "private", "gated": "manual"})
    assert (found.status_code, found.headers["location"]) == (303, f"{settings}?changed")
    assert 'value="private" checked' in browser.get(settings).text
    assert 'value="manual" checked' in browser.get(settings).text
    assert browser.send(settings, settings, {"visibility": "secret", "gated": ""}).status_code == 400
    other = browse()
    assert other.get(PAGE).status_code == 404
    other.enter(hub, "bob")
    assert other.get(settings).status_code == 404


def test_only_administrators_of_an_artifact_see_its_settings(hub, browser):
    browser.enter(hub, "bob")
    assert f"{PAGE}/settings" not in browser.get(PAGE).text
    assert browser.get(f"{PAGE}/settings").status_code == 403
    fields = {"visibility": "private", "gated": ""}
    assert browser.send(PAGE, f"{PAGE}/settings", fields).status_code == 403
    assert not hub.registry.get(NAME).private


def test_a_commit_shows_the_lines_of_texts_that_it_changed(browser, artifact):
    text = browser.get(f"{PAGE}/commit/{artifact.id[:40]}").text
    assert re.findall(r'<h2 id="diff-\d" class="diff-name"><bdi>([^<]+)', text) == ["README.md", "a/config.json"]
    assert '<span class="removed">-old line\n</span><span class="added">+new &lt;line&gt;\n</span>' in text
    assert "x.bin" in text


def test_lines_of_gated_files_are_not_shown(hub, browser, artifact):
    change_settings(hub.registry.database, NAME, ADA, gated="manual")
    text = browser.get(f"{PAGE}/commit/{artifact.id[:40]}").text
    assert "a/config.json" in text
    assert "old line" not in text


def test_a_long_difference_and_long_lines_are_cut(hub, browser):
    many = "".join(f"line {number}\n" for number in range(900))
    made = change(hub, {"README.md": many.encode(), "a/config.json": json.dumps("y" * 60_000).encode()}, "Write more")
    text = browser.get(f"{PAGE}/commit/{made.id[:40]}").text
    assert "More changed lines are not shown." in text
    assert len(text) < 40_000


def test_a_folder_with_many_entries_is_paged(hub, browser):
    digest, size = hub.store.put(b"1")
    files = [File(f"many/{number:03}{'/f' if number % 2 else ''}", digest, size) for number in range(450)]
    commit(hub.registry.get(NAME), files, hub.registry, hub.store, ADA, message="Add files")
    address, names = f"{PAGE}/tree/main/many", []
    while address:
        text = browser.get(address).text
        names += re.findall(r'<tr><th scope="row"><a href="[^"]+"><bdi>(\d+)</bdi>', text)
        found = re.search(r'href="([^"]+)" rel="next"', text)
        address = found[1] if found else ""
    assert sorted(names) == [f"{number:03}" for number in range(450)]
    assert len(names) == len(set(names))


def test_names_of_tensors_are_shown_as_text(hub, browser):
    header = json.dumps({"<script>alert(1)</script>": {"dtype": "F16", "shape": [1, 2], "data_offsets": [0, 4]}})
    weights = len(header).to_bytes(8, "little") + header.encode() + b"\0" * 4
    change(hub, {"w.safetensors": weights}, "Add weights")
    text = browser.get(f"{PAGE}/blob/main/w.safetensors").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<td>1 × 2</td><td>F16</td>" in text
    assert "2 in 1 tensor: 2 F16" in text
