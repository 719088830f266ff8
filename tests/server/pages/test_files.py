"""The pages of files, folders, commits and owners: what people see who click the links that clients print."""

import re

import pytest
from starlette.testclient import TestClient

from hub.names import ArtifactName
from hub.publish.commit import commit, create
from hub.records import File
from hub.registry.artifacts.repositories import change_settings
from server import create_app
from tests.builders.server.people import ROOT, furnished, hub

__all__ = ["furnished", "hub"]
NAME = ArtifactName("ada", "pages")
CONTENTS = {
    "README.md": b"# Hello\n",
    "data/code.txt": b"<script>alert(1)</script>\n",
    "data/deep/b.txt": b"b",
    "a.parquet": b"\0" * 100,
    "large.txt": b"x" * 300_000,
}


@pytest.fixture
def browser(hub):
    create(NAME, hub.registry, hub.store, ROOT)
    for path, content in CONTENTS.items():
        change(hub, {path: content}, f"Add {path}")
    with TestClient(create_app(hub, rates=None), follow_redirects=False, headers={"accept": "text/html"}) as client:
        yield client


def change(hub, contents, message):
    files = [File(path, *hub.store.put(content)) for path, content in contents.items()]
    return commit(hub.registry.get(NAME), files, hub.registry, hub.store, ROOT, message=message)


def test_a_short_text_is_shown_as_text_and_never_as_markup(browser):
    page = browser.get("/ada/pages/blob/main/data/code.txt")
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
    assert 'href="/ada/pages/tree/main/data"' in page.text
    assert browser.get("/ada/pages/raw/main/data/code.txt").content == CONTENTS["data/code.txt"]


def test_a_file_that_is_not_a_text_is_offered_for_download(browser):
    page = browser.get("/ada/pages/blob/main/a.parquet").text
    assert "Download it to view it" in page
    assert re.search(r'href="/ada/pages/resolve/[0-9a-f]{40}/a.parquet" download', page)


def test_of_a_long_text_only_the_beginning_is_shown(browser):
    page = browser.get("/ada/pages/blob/main/large.txt")
    assert 65_000 < page.text.count("x") < 66_000
    assert "This is the beginning of the file" in page.text


def test_a_long_line_is_not_cut_inside_a_character(browser, hub):
    change(hub, {"line.txt": b"x" + "ẹ".encode() * 30_000}, "Add a line")
    page = browser.get("/ada/pages/blob/main/line.txt").text
    assert page.count("ẹ") == (65_536 - 1) // 3
    assert "\ufffd" not in page


def test_a_folder_lists_its_files_and_folders(browser):
    page = browser.get("/ada/pages/tree/HEAD/data").text
    assert 'href="/ada/pages/blob/HEAD/data/code.txt"' in page
    assert 'href="/ada/pages/tree/HEAD/data/deep"' in page
    assert "b.txt" not in page


def test_a_file_asked_for_as_a_folder_and_the_reverse_lead_to_each_other(browser):
    found = browser.get("/ada/pages/tree/main/README.md")
    assert (found.status_code, found.headers["location"]) == (307, "/ada/pages/blob/main/README.md")
    found = browser.get("/ada/pages/blob/main/data")
    assert (found.status_code, found.headers["location"]) == (307, "/ada/pages/tree/main/data")
    assert browser.get("/ada/pages/blob/main/absent.txt").status_code == 404
    assert browser.get("/ada/pages/tree/absent/data").status_code == 404


def test_the_commit_that_a_client_prints_shows_its_changes(browser, hub):
    made = change(hub, {"README.md": b"# Hello again\n", "new.txt": b"1"}, "Greet <again>\n\nWith a reason.")
    page = browser.get(f"/ada/pages/commit/{made.id[:40]}").text
    assert "Greet &lt;again&gt;" in page
    assert "With a reason." in page
    assert re.findall(r"<td>(added|changed|removed)</td>", page) == ["changed", "added"]
    assert "parquet" not in page


def test_commits_are_listed_newest_first_and_paged(browser, hub):
    for number in range(50):
        change(hub, {"README.md": b"# %d\n" % number}, f"Say {number}")
    first = browser.get("/ada/pages/commits/main").text
    assert first.index("Say 49") < first.index("Say 0<")
    assert "initial commit" not in first
    older = re.search(r'href="(/ada/pages/commits/[0-9a-f]{40})" rel="next"', first)
    assert older
    assert "initial commit" in browser.get(older[1]).text


def test_the_content_of_a_gated_file_is_not_on_its_page(browser, hub):
    change_settings(hub.registry.database, NAME, ROOT, gated="manual")
    page = browser.get("/ada/pages/blob/main/data/code.txt")
    assert page.status_code == 200
    assert "alert(1)" not in page.text
    assert "request access" in page.text
    assert browser.get("/ada/pages/raw/main/data/code.txt").status_code == 403


def test_the_name_of_an_owner_leads_to_its_page(browser, hub):
    create(
        ArtifactName("bob", "ada"), hub.registry, hub.store, ROOT
    )  # A foreign artifact does not take the place of the owner.
    for name in ("ada", "lab"):
        found = browser.get(f"/{name}")
        assert found.status_code == 200
        assert f'href="/?owner={name}"' in found.text
    for name in ("nobody", "linguahub"):  # There are no curated cards here.
        assert browser.get(f"/{name}").status_code == 404


def test_a_model_and_a_data_set_with_one_name_have_pages_of_their_own(browser, hub):
    data = ArtifactName("ada", "pages", is_dataset=True)
    create(data, hub.registry, hub.store, ROOT)
    assert "README.md" in browser.get("/ada/pages/tree/main").text
    assert "README.md" not in browser.get("/datasets/ada/pages/tree/main").text
    for path, kind in (("ada/pages", "model"), ("datasets/ada/pages", "dataset")):
        assert browser.get(f"/api/v1/artifacts/{path}").json()["kind"] == kind
        assert browser.get(f"/api/v1/artifacts/{path}/revisions").json()["artifact"] == path
