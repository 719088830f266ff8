"""The editor of a card saves one commit, and never loses typed text. Without JavaScript, as browsers submit forms."""

from __future__ import annotations

import html
import json
import re

import pytest

from hub.cards.card import FILE
from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from server.pages.publish.editor import MAX_CHARACTERS
from server.site.static_files import FOLDER

EDIT = "/ada/first-yo/edit/main/README.md"
NAME = ArtifactName("ada", "first-yo")
CARD = "---\nlanguage: yo\nlicense: mit\nbase_model: emoji-sd\nlinguahub:\n  kind: adapter\n  summary: {}\n---\n\n# first-yo\n"


def typed(page):
    """Return the text in the form, as a browser reads it."""
    return html.unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)[1])


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page.text)[1]


@pytest.fixture
def ada(browser, hub, module):
    browser.enter(hub)
    return browser


@pytest.fixture
def read(hub):
    def read(name=NAME, path=FILE):
        [file] = [each for each in hub.registry.revision(name).files if each.path == path]
        with hub.store.open(file.digest, file.size_bytes) as opened:
            return opened.read()

    return read


def save(browser, text, page=None, **fields):
    page = page or browser.get(EDIT)
    values = {"form": hidden(page, "form"), "parent": hidden(page, "parent"), "text": text, "save": "yes"}
    return browser.post(EDIT, values | fields)


def save_elsewhere(hub, content=None, path=FILE):
    """Commit as another member, while the page of ada is open."""
    content = content or CARD.format("By Bob.").encode()
    artifact = hub.registry.get(NAME)
    file = File(path, *hub.store.put(content))
    return commit(artifact, [file], hub.registry, hub.store, Actor("bob"), message="Elsewhere")


def test_a_card_is_saved_as_one_commit_with_message_author_and_other_files(ada, hub, read):
    before = hub.registry.revision(NAME)
    answer = save(ada, CARD.format("Reads it well.").replace("\n", "\r\n"), message="Say more")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ada/first-yo")
    made = hub.registry.revision(NAME)
    assert (made.parent, made.message, made.author) == (before.id, "Say more", "ada")
    assert read().decode() == CARD.format("Reads it well.")
    assert {each.path for each in made.files} == {each.path for each in before.files}
    assert hub.registry.get(NAME).summary == "Reads it well."


def test_the_form_shows_the_card_as_it_is_also_with_markup_and_an_empty_first_line(ada, hub, read):
    text = CARD.format("a </textarea><script>x</script> &amp; b")
    save(ada, text)
    assert typed(ada.get(EDIT)) == read().decode() == text
    assert "<script>x" not in ada.get(EDIT).text


def test_the_ends_of_lines_that_a_card_had_are_kept(ada, hub, read):
    save_elsewhere(hub, CARD.format("By Bob.").replace("\n", "\r\n").encode())
    page = ada.get(EDIT)
    assert save(ada, typed(page).replace("By Bob", "By Ada"), page).status_code == 303
    assert read() == CARD.format("By Ada.").replace("\n", "\r\n").encode()


def test_a_preview_shows_the_text_and_its_mistakes_and_saves_nothing(ada, hub):
    before = hub.registry.head(NAME)
    text = CARD.format("s").replace("yo", "yoruba-x", 1) + "\n*new* <script>alert(1)</script>"
    page = save(ada, text, preview="yes")
    assert page.status_code == 200
    assert "<em>new</em> &lt;script&gt;" in page.text
    assert 'data-line="2"' in page.text
    assert typed(page) == text
    assert hub.registry.head(NAME) == before


@pytest.mark.parametrize(
    ("path", "scripts"), [("/publish", ("publish", "upload", "calls", "files")), (EDIT, ("editor",))]
)
def test_scripts_get_all_their_texts_in_the_language_of_the_page(ada, path, scripts):
    ada.headers["accept-language"] = "fr"
    page = ada.get(path).text
    words = json.loads(html.unescape(re.search(r'data-words="([^"]*)"', page)[1]))
    assert words["right"] == "Aucune erreur"
    for name in scripts:
        script = (FOLDER / "publish" / f"{name}.js").read_text(encoding="utf-8")
        states = re.findall(r'\.show\([\w.]+, "(\w+)"', script)
        assert {*re.findall(r"\bwords\.(?!js\b)(\w+)", script), *states} <= words.keys()


def test_the_script_gets_preview_and_mistakes_as_json(ada):
    fields = {"text": "---\nlanguage: [\n---\n**bold**", "parent": "", "preview": "yes"}
    answer = ada.post(EDIT, fields, accept="application/json")
    assert "<strong>bold</strong>" in answer.json()["html"]
    assert [each["line"] for each in answer.json()["mistakes"]] == [3]


def test_a_refusal_is_in_the_language_of_the_page_and_mistakes_are_marked_as_english(ada):
    ada.headers["accept-language"] = "fr"
    page = save(ada, CARD.format("s").replace("license: mit\n", "").replace("emoji-sd", "emoji-sdx"))
    assert "<p>La fiche contient 2 erreurs" in page.text
    assert len(re.findall(r'data-line="\d+">.*?<bdi lang="en" dir="ltr">', page.text)) == 2


def test_a_card_with_mistakes_is_not_saved_and_stays_in_the_form(ada, hub):
    before = hub.registry.head(NAME)
    text = CARD.format("s").replace("license: mit\n", "").replace("emoji-sd", "emoji-sdx")
    page = save(ada, text)
    assert (page.status_code, typed(page), hub.registry.head(NAME)) == (400, text, before)
    assert "The card has 2 mistakes and was not saved" in page.text
    assert "The base <code>emoji-sdx</code> does not exist on this hub." in page.text


def test_a_commit_in_between_is_a_conflict_that_shows_both_and_loses_nothing(ada, hub, read):
    page = ada.get(EDIT)
    save_elsewhere(hub)
    mine = CARD.format("By Ada.")
    conflict = save(ada, mine, page)
    assert (conflict.status_code, typed(conflict)) == (412, mine)
    assert "bob has saved revision 2" in conflict.text
    assert '<span class="added">+  summary: By Bob.' in conflict.text
    assert "By Bob." in read().decode()
    again = save(ada, mine, conflict)
    assert again.status_code == 412, "saving again is not an answer to the conflict"
    over = save(ada, mine, again, over=re.search(r'name="over" value="([0-9a-f]{64})"', again.text)[1])
    assert (over.status_code, read().decode()) == (303, mine)


def test_a_commit_of_other_files_is_reported_with_an_unchanged_card(ada, hub):
    page = ada.get(EDIT)
    save_elsewhere(hub, b"words", "notes.txt")
    conflict = save(ada, CARD.format("By Ada."), page)
    assert "The card itself was not changed" in conflict.text
    assert "Save over revision 2" in conflict.text


def test_sending_the_same_form_twice_makes_one_commit(ada, hub):
    page = ada.get(EDIT)
    for _ in range(2):
        assert save(ada, CARD.format("Once."), page, message="Once").status_code == 303
    assert hub.registry.revision(NAME).number == 2


def test_a_session_that_has_ended_keeps_the_text_until_the_next_login(ada, hub, read):
    page, mine = ada.get(EDIT), CARD.format("By Ada, later.")
    [session] = Sessions(hub.registry.database).of(hub.accounts.get("ada"))
    Sessions(hub.registry.database).end(hub.accounts.get("ada"), session.id, Actor("ada"))
    kept = save(ada, mine, page, message="Later")
    assert (kept.status_code, typed(kept), hidden(kept, "message")) == (400, mine, "Later")
    assert "You were logged out" in kept.text
    ada.enter(hub)
    expired = save(ada, mine, kept, message="Later")
    assert typed(expired) == mine
    assert "This form has expired" in expired.text
    assert save(ada, typed(expired), expired, message="Later").status_code == 303
    assert read().decode() == mine


def test_an_artifact_that_was_deleted_in_the_meantime_keeps_the_text(ada, hub):
    from hub.registry.artifacts.repositories import delete_repository

    page = ada.get(EDIT)
    delete_repository(hub.registry.database, NAME, Actor("ada"))
    kept = save(ada, "typed", page)
    assert (kept.status_code, typed(kept)) == (404, "typed")


def test_other_sites_and_other_users_change_nothing(ada, browse, hub):
    before = hub.registry.head(NAME)
    fields = {"text": CARD.format("Evil."), "parent": before, "save": "yes", "form": ada.csrf_token(EDIT)}
    assert ada.post(EDIT, fields, sec_fetch_site="cross-site").status_code == 403
    bob = browse()
    bob.enter(hub, "bob")
    assert bob.get(EDIT).status_code == 403
    assert bob.post(EDIT, fields | {"form": bob.csrf_token("/settings")}).status_code == 403
    assert browse().get(EDIT).headers["location"] == "/login?next=%2Fada%2Ffirst-yo%2Fedit%2Fmain%2FREADME.md"
    assert hub.registry.head(NAME) == before


def test_only_the_card_of_a_branch_can_be_edited(ada, hub):
    assert ada.get("/ada/first-yo/edit/main/emoji-sd/config.json").status_code == 404
    assert ada.get("/ada/first-yo/edit/absent/README.md").status_code == 404
    wrong = "/ada/first-yo/edit/main/other.md"
    kept = ada.post(wrong, {"form": ada.csrf_token(EDIT), "text": "typed", "parent": "", "save": "yes"})
    assert (kept.status_code, typed(kept)) == (404, "typed")


def test_nothing_is_saved_on_top_of_an_unknown_revision(ada, hub):
    before = hub.registry.head(NAME)
    for parent in ("", "main", "0" * 64, "x" * 64, "../" * 40):
        assert save(ada, CARD.format("s"), parent=parent).status_code in {400, 412}
        assert hub.registry.head(NAME) == before


def test_hostile_texts_are_answered_with_the_form(ada):
    for text in (
        "",
        "\0",
        "---\n",
        "---\na: &a [*a]\n---",
        "\ud7ff" * 9,
        "---\nlanguage: yo\n---\n\u202e",
        "x" * 50_000,
    ):
        page = save(ada, text)
        assert page.status_code in {303, 400}
        assert page.status_code == 303 or typed(page).rstrip("\n") == text.rstrip("\n")


def test_texts_that_are_too_long_are_refused(ada, hub):
    long = save(ada, "a" * (MAX_CHARACTERS + 1))
    assert long.status_code == 400
    assert f"edits at most {MAX_CHARACTERS}" in long.text
    assert save(ada, "a" * (10 << 20)).status_code == 413
    save_elsewhere(hub, CARD.format("s").encode() + b"a" * (MAX_CHARACTERS + 1))
    assert f"edits at most {MAX_CHARACTERS}" in ada.get(EDIT).text


def test_writers_see_edit_and_upload_and_others_do_not(ada, browse, hub):
    assert f'href="{EDIT}"' in ada.get("/ada/first-yo").text
    assert 'href="/publish?to=ada/first-yo"' in ada.get("/ada/first-yo").text
    bob = browse()
    bob.enter(hub, "bob")
    for other in (bob, browse()):
        assert "/edit/" not in other.get("/ada/first-yo").text
        assert "/publish?to" not in other.get("/ada/first-yo").text


def test_a_data_set_has_an_editor_too(ada, hub):
    name = ArtifactName("ada", "names", is_dataset=True)
    create(name, hub.registry, hub.store, Actor("ada"))
    page = ada.get("/datasets/ada/names/edit/main/README.md")
    text = typed(page).replace("[]  ", "yo  ", 1).replace("summary:  ", "summary: Names. #")
    fields = {"form": hidden(page, "form"), "parent": hidden(page, "parent"), "text": text, "save": "yes"}
    answer = ada.post("/datasets/ada/names/edit/main/README.md", fields)
    assert (answer.status_code, answer.headers.get("location")) == (303, "/datasets/ada/names"), answer.text[-3000:]
    assert hub.registry.get(name).summary == "Names."
