"""Publishing and editing in a real browser."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from safetensors.numpy import save_file

from hub.cards.card import FILE
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import commit
from hub.records import File
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from tests.builders.chromium import MARKS, a_page, browser

__all__ = ["browser"]
pytestmark = MARKS
CARD = """---
language: {language}
license: apache-2.0
base_model: {base}
linguahub:
  kind: adapter
  summary: Reads Arabic.
---

# first-ar

Reads **Arabic**.
"""
CONFIG = {
    "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler", "base": {"name": "linguahub/emoji-sd"},
    "conditioning": {"width": 4, "length": 2, "pooled_width": None, "mask": False},
}  # fmt: skip


@pytest.fixture
def session(hub: LocalHub) -> str:
    """Return the secret of a session of ada's."""
    return Sessions(hub.registry.database).begin(hub.accounts.get("ada"), Actor("ada"))


def enter(page: Page, endpoint: str, secret: str) -> Page:
    page.context.add_cookies([{"name": "linguahub", "value": secret, "url": endpoint}])
    return page


@pytest.fixture
def page(browser: Browser, endpoint: str, module: str, session: str) -> Iterator[Page]:
    with a_page(browser, endpoint) as page:
        yield enter(page, endpoint, session)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three mistakes: a wrong language, an unknown base, and a pickle that is called a text."""
    folder = tmp_path / "first-ar"
    (folder / "emoji-sd").mkdir(parents=True)
    (folder / FILE).write_text(CARD.format(language="arabicc", base="emoji-sdd"))
    (folder / "emoji-sd" / "config.json").write_text(json.dumps(CONFIG))
    save_file({"weight": np.zeros(4, dtype=np.float32)}, folder / "emoji-sd" / "model.safetensors")
    (folder / "notes.txt").write_bytes(pickle.dumps({"a": 1}))
    (folder / ".DS_Store").write_bytes(b"ignored")
    return folder


def choose(page: Page, folder: Path) -> None:
    page.locator("#folder").set_input_files(folder)


def test_a_folder_with_three_mistakes_is_corrected_and_published(page: Page, folder: Path, hub: LocalHub):
    page.goto("/publish")
    choose(page, folder)
    expect(page.get_by_role("heading", name="Mistakes: 3")).to_be_visible()
    expect(page.locator(".mistakes li")).to_contain_text(["README.md line 2", "README.md line 4", "notes.txt"])
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Edit README.md, line 2").click()
    page.get_by_role("textbox", name="README.md").fill(CARD.format(language="ar", base="emoji-sd"))
    page.locator("#mistakes").get_by_role("button", name="Leave out notes.txt").click()
    expect(page.get_by_role("heading", name="No mistakes")).to_be_visible()
    page.get_by_label("What changed").fill("First try")
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("heading", name="Published ada/first-ar")).to_be_focused()
    page.get_by_role("link", name="Show it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("first-ar")
    made = hub.registry.revision(ArtifactName("ada", "first-ar"))
    assert (made.number, made.message, made.author) == (2, "First try", "ada")
    expected = {".gitattributes", FILE, "emoji-sd/config.json", "emoji-sd/model.safetensors"}
    assert {each.path for each in made.files} == expected


def test_an_upload_continues_after_a_reload_and_sends_no_part_twice(
    browser: Browser,
    endpoint: str,
    module: str,
    session: str,
    tmp_path: Path,
    hub: LocalHub,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("server.protocol.transfer.lfs.PART_BYTES", 1 << 20)
    content = os.urandom((2 << 20) + 500_000)
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "values.arrow").write_bytes(content)
    sent: list[str] = []
    is_broken = True

    def lose_the_connection(route: Route) -> None:
        sent.append(route.request.url)
        if is_broken and len(sent) > 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    with browser.new_context(base_url=endpoint) as context:
        page = enter(context.new_page(), endpoint, session)
        page.on("dialog", lambda dialog: dialog.accept())  # "Leave the page?"
        page.route("**/lfs/parts/**", lose_the_connection)
        page.goto(f"/publish?to={module}")
        choose(page, folder)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("The connection was lost. Trying again in")).to_be_visible()
        page.reload()
        sent.clear()
        is_broken = False
        choose(page, folder)
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_role("heading", name=f"Published {module}")).to_be_visible()
        assert len(sent) == 2, "the first of three parts was stored before"
    [file] = [
        each for each in hub.registry.revision(ArtifactName("ada", "first-yo")).files if each.path == "values.arrow"
    ]
    assert file.digest.hex == hashlib.sha256(content).hexdigest()


def test_a_lost_connection_and_a_login_in_another_tab_are_waited_for(
    browser: Browser, endpoint: str, module: str, session: str, folder: Path, hub: LocalHub
):
    (folder / FILE).write_text(CARD.format(language="ar", base="emoji-sd"))
    (folder / "notes.txt").unlink()
    ada = hub.accounts.get("ada")
    with browser.new_context(base_url=endpoint) as context:
        page = enter(context.new_page(), endpoint, session)
        page.goto("/publish")
        choose(page, folder)
        expect(page.get_by_role("heading", name="No mistakes")).to_be_visible()
        [open_session] = Sessions(hub.registry.database).of(ada)
        Sessions(hub.registry.database).end(ada, open_session.id, Actor("ada"))
        page.get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("You were logged out.")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_text("You were logged out.")).to_be_visible()
        enter(page, endpoint, Sessions(hub.registry.database).begin(ada, Actor("ada")))  # As the other tab does.
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Published ada/first-ar")).to_be_visible()


def test_two_tabs_that_publish_to_one_artifact_do_not_overwrite_each_other(
    browser: Browser, endpoint: str, module: str, session: str, tmp_path: Path, hub: LocalHub
):
    texts = {}
    with browser.new_context(base_url=endpoint) as context:
        tabs = [enter(context.new_page(), endpoint, session) for _ in range(2)]
        for number, tab in enumerate(tabs):
            texts[number] = tmp_path / str(number) / "notes.txt"
            texts[number].parent.mkdir()
            texts[number].write_text(f"tab {number}")
            tab.goto(f"/publish?to={module}")
            tab.locator("#files").set_input_files(texts[number])
            expect(tab.get_by_role("button", name="Publish", exact=True)).to_be_enabled()
        tabs[0].get_by_role("button", name="Publish", exact=True).click()
        expect(tabs[0].get_by_role("heading", name=f"Published {module}")).to_be_visible()
        tabs[1].get_by_role("button", name="Publish", exact=True).click()
        expect(tabs[1].get_by_text("Someone else has published in the meantime.")).to_be_visible()
        assert hub.registry.revision(ArtifactName("ada", "first-yo")).number == 2
        tabs[1].get_by_role("button", name="Publish", exact=True).click()
        expect(tabs[1].get_by_role("heading", name=f"Published {module}")).to_be_visible()


def test_a_card_is_edited_with_a_preview_and_saved(page: Page, hub: LocalHub):
    page.goto("/ada/first-yo")
    page.get_by_role("link", name="Edit", exact=True).click()
    text = page.get_by_role("textbox", name="README.md")
    good = text.input_value()
    text.fill(good.replace("language: yo", "language: yoruba-x") + "\n## More\n\nAnd *more*.\n")
    preview = page.locator("#preview")
    expect(preview.get_by_role("heading", name="More")).to_be_visible()
    page.get_by_role("button", name="Line 2").click()
    assert page.evaluate("document.getSelection().toString()") == "language: yoruba-x"
    text.fill(good + "\n## More\n")
    expect(page.get_by_text("✓ No mistakes")).to_be_visible()
    page.get_by_label("What changed").fill("Say more")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="More", exact=True)).to_be_visible()
    assert hub.registry.revision(ArtifactName("ada", "first-yo")).message == "Say more"


def test_text_that_was_typed_before_the_script_was_loaded_has_a_preview(page: Page, module: str):
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/publish/editor.*.js", hold)
    page.goto(f"/{module}/edit/main/README.md", wait_until="commit")
    text = page.get_by_role("textbox", name="README.md")
    text.fill(text.input_value() + "\n## More\n")
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    expect(page.locator("#preview").get_by_role("heading", name="More")).to_be_visible()


@pytest.mark.parametrize("has_script", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_conflict_is_shown_and_the_text_is_kept(
    browser: Browser, endpoint: str, module: str, session: str, hub: LocalHub, *, has_script: bool
):
    with browser.new_context(base_url=endpoint, java_script_enabled=has_script) as context:
        page = enter(context.new_page(), endpoint, session)
        page.goto(f"/{module}/edit/main/README.md")
        text = page.get_by_role("textbox", name="README.md")
        mine = text.input_value().replace("Reads yo.", "Reads it, says Ada.")
        artifact = hub.registry.get(module)
        theirs = mine.replace("Ada", "Bob").encode()
        file = File(FILE, *hub.store.put(theirs))
        commit(artifact, [file], hub.registry, hub.store, Actor("bob"), message="Elsewhere")
        text.fill(mine)
        if not has_script:
            page.get_by_role("button", name="Preview").click()
            expect(text).to_have_value(mine)
        with page.expect_response(lambda answer: answer.status == 412) if has_script else page.expect_navigation():
            page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("bob has saved revision 2")).to_be_visible()
        expect(text).to_have_value(mine)
        page.get_by_role("button", name="Save over revision 2").click()
        expect(page.get_by_text("Reads it, says Ada.").first).to_be_visible()


def test_without_javascript_the_page_begins_a_card_and_shows_the_commands(
    browser: Browser, endpoint: str, module: str, session: str
):
    assert module
    with a_page(browser, endpoint, java_script_enabled=False) as page:
        enter(page, endpoint, session)
        page.goto("/publish")
        expect(page.get_by_text(f"hub push mulan-yo --name ada/mulan-yo --endpoint {endpoint}")).to_be_visible()
        expect(page.get_by_role("button", name="Choose a folder")).to_be_hidden()
        page.get_by_label("Name").fill("fresh")
        page.get_by_role("button", name="Start with a card").click()
        text = page.get_by_role("textbox", name="README.md")
        text.fill(CARD.format(language="ar", base="emoji-sd"))
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("fresh")


def test_dropped_files_are_listed_with_their_names_and_checked(page: Page):
    page.goto("/publish?to=ada/first-yo")
    page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          for (const name of ["notes.txt", "gpj.\\u202egnp", "NUL.txt"]) transfer.items.add(new File(["text"], name));
          document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
        }"""
    )
    expect(page.get_by_role("heading", name="Mistakes: 2")).to_be_visible()
    expect(page.locator(".mistakes li")).to_contain_text(["NUL.txt", "a character that some file systems do not allow"])
    for _ in range(2):
        page.locator("#mistakes").get_by_role("button", name="Leave out").first.click()
    expect(page.get_by_role("heading", name="No mistakes")).to_be_visible()
    expect(page.get_by_role("heading", name="Files: 1 (4 B)")).to_be_visible()


def test_the_script_speaks_the_language_of_the_page(
    browser: Browser, endpoint: str, module: str, session: str, folder: Path
):
    assert module
    with a_page(browser, endpoint, locale="fr") as page:
        enter(page, endpoint, session).goto("/publish")
        choose(page, folder)
        expect(page.get_by_role("heading", name="Erreurs : 3")).to_be_visible()
        expect(page.locator(".mistakes li").first).to_contain_text("README.md ligne 2")
        expect(page.locator(".mistakes li [lang=en]")).to_have_count(3)
        page.locator("#mistakes").get_by_role("button", name="Écarter notes.txt").click()
        expect(page.get_by_role("heading", name="Erreurs : 2")).to_be_visible()
        expect(page.get_by_role("row", name="README.md")).to_contain_text(re.compile(r"\d o"))


def test_a_folder_without_a_card_begins_with_the_text_of_hub_new(page: Page, folder: Path):
    (folder / FILE).unlink()
    (folder / "notes.txt").unlink()
    page.goto("/publish")
    choose(page, folder)
    page.get_by_role("button", name="Write a card").click()
    text = page.get_by_role("textbox", name="README.md")
    expect(text).to_have_value(re.compile("# One sentence: its purpose and its users"))
    expect(page.locator(".mistakes li").first).to_contain_text("line 2")
    text.fill(CARD.format(language="ar", base="emoji-sd"))
    expect(page.get_by_role("button", name="Publish", exact=True)).to_be_enabled()
