"""A folder is checked before it is uploaded, for users who can publish it, and all mistakes are reported at once."""

from __future__ import annotations

import base64
import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from hub.names import ArtifactName
from hub.publish.checks.limits import MAX_CARD
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from server.auth.csrf_forms import CSRF_HEADER
from server.pages.publish.check import MAX_FILES

CARD = "---\nlanguage: {language}\nlicense: mit\nbase_model: {base}\nlinguahub:\n  kind: {kind}\n  summary: Reads it.\n---\n# a\n"
WEIGHTS = save({"weight": np.zeros(4, dtype=np.float32)})
CONFIG = {
    "format": 1, "kind": "adapter", "method": "mulan", "architecture": "resampler", "base": {"name": "linguahub/emoji-sd"},
    "conditioning": {"width": 4, "length": 2, "pooled_width": None, "mask": False},
}  # fmt: skip


def card(language="yo", base="emoji-sd", kind="adapter"):
    return CARD.format(language=language, base=base, kind=kind)


def listed(path, content, **changes):
    content = content.encode() if isinstance(content, str) else content
    is_text = path == "README.md" or path.endswith("config.json")
    described = {"path": path, "size": len(content), "start": base64.b64encode(content[:2000]).decode()}
    return described | ({"text": content.decode()} if is_text else {}) | changes


def good():
    return [
        listed("README.md", card()), listed("emoji-sd/config.json", json.dumps(CONFIG)), listed("emoji-sd/model.safetensors", WEIGHTS)
    ]  # fmt: skip


@pytest.fixture
def check(browser, hub):
    """Return a function that checks files as ada's page does."""
    browser.enter(hub)
    headers = {CSRF_HEADER: browser.csrf_token("/publish"), "sec-fetch-site": "same-origin"}

    def send(files, *, status=200, name="new-yo", owner="ada", **body):
        answer = browser.client.post(
            "/publish/check", json={"owner": owner, "name": name, "files": files, **body}, headers=headers
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    return send


def places(answer):
    return {(each["file"], each["line"]) for each in answer["mistakes"]}


def test_a_good_folder_has_no_mistakes_and_would_be_new(check, module):
    answer = check(good())
    assert answer["mistakes"] == []
    assert (answer["repository"], answer["exists"], answer["page"]) == ("ada/new-yo", False, "/ada/new-yo")


def test_mistakes_of_card_configuration_files_and_name_are_reported_together(check, module):
    files = [
        listed("README.md", card(language="yoruba-x", base="emoji-sdx")),
        listed("emoji-sd/config.json", json.dumps(CONFIG | {"method": 3}, indent=1)),
        listed("notes.txt", pickle.dumps([1])),
        listed("model.safetensors", WEIGHTS, size=5),
        listed("../up.txt", b"text"),
    ]
    answer = check(files, name="bad name")
    assert places(answer) == {
        ("README.md", 2), ("README.md", 4), ("emoji-sd/config.json", 4), ("notes.txt", 0), ("model.safetensors", 0), ("../up.txt", 0), ("", 0),
    }  # fmt: skip


def test_a_folder_without_a_card_is_offered_the_text_of_hub_new(check):
    answer = check([listed("notes.txt", b"text")])
    assert places(answer) == {("README.md", 0)}
    assert "summary:                     # One sentence" in answer["new_card"]


def test_files_are_added_to_an_artifact_whose_card_stays(check, module, hub):
    answer = check([listed("notes.txt", b"text")], name="first-yo")
    assert (answer["mistakes"], answer["exists"], answer["new_card"]) == ([], True, "")
    assert hub.registry.head(ArtifactName("ada", "first-yo")).startswith(answer["head"])


def test_a_new_card_is_checked_with_the_configurations_that_stay(check, module):
    other = json.dumps(CONFIG | {"conditioning": {"width": "wide"}})
    answer = check([listed("README.md", card(language="xyzzy")), listed("sd15/config.json", other)], name="first-yo")
    assert {file for file, _ in places(answer)} == {"README.md", "sd15/config.json"}


def test_the_card_of_a_data_set_decides_where_it_goes(check):
    answer = check([listed("README.md", card(kind="dataset").replace("base_model: emoji-sd\n", ""))], name="names")
    assert (answer["mistakes"], answer["is_dataset"], answer["page"]) == ([], True, "/datasets/ada/names")


def test_a_place_without_permission_to_publish_is_a_mistake(check):
    for owner, name in (("bob", "thing"), ("linguahub", "thing"), ("nobody", "thing"), ("api", "thing"), ("ada", "")):
        answer = check(good(), owner=owner, name=name)
        assert ("", 0) in places(answer), (owner, name)
        assert not answer["exists"]


def test_a_private_artifact_of_others_is_not_told_from_a_free_name(check, hub):
    create(ArtifactName("bob", "secret"), hub.registry, hub.store, Actor("bob"), private=True)
    hidden, absent = (check(good(), owner="bob", name=each) for each in ("secret", "absent"))
    assert json.dumps(hidden).replace("secret", "absent") == json.dumps(absent)


def test_lies_about_sizes_and_contents_cause_no_crash(check):
    check([listed("README.md", b"---", size=2**62)])
    check([listed("a.safetensors", WEIGHTS, start="no base64")])
    check([listed("README.md", card(), size=1, start="")])
    check([listed("a.txt", b"", size=-1)], status=400)
    check([listed("x" * 5000, b"")], status=400)
    check([listed(f"{n}.txt", b"") for n in range(MAX_FILES + 1)], status=400)
    odd = check([listed("a/config.json", "{}"), listed("a/b/config.json", "{}"), listed("\u202e/config.json", "{}")])
    check([listed("README.md/config.json", "{}"), listed("README.md", card()), listed("config.json/config.json", "{}")])
    assert {"a/config.json", "\u202e/config.json"} <= {file for file, _ in places(odd)}


def test_a_card_of_ten_megabytes_is_refused_by_its_size(check):
    [mistake] = check([{"path": "README.md", "size": 10 << 20, "start": ""}])["mistakes"]
    assert mistake["text"] == f"`README.md` has {10 << 20} bytes, the maximum is {MAX_CARD}: shorten it."


def test_a_folder_that_exceeds_the_quota_is_refused_before_it_is_sent(check, hub):
    hub.accounts.set_quota("ada", 1000, Actor("root"))
    answer = check([*good(), listed("big.bin", b"\0" * 10, size=5000)])
    assert [each["text"] for each in answer["mistakes"] if "quota" in each["text"]]


def test_only_a_page_of_a_user_can_ask(browser, hub):
    body = {"owner": "ada", "name": "a", "files": []}
    assert browser.client.post("/publish/check", json=body).status_code == 401
    browser.enter(hub)
    assert browser.client.post("/publish/check", json=body).status_code == 401


def test_the_page_needs_a_login_and_comes_back(browser, hub):
    asked = browser.get("/publish?to=ada/first-yo")
    assert asked.headers["location"] == "/login?next=%2Fpublish%3Fto%3Dada%2Ffirst-yo"
    browser.enter(hub)
    page = browser.get("/publish?to=lab/first-yo").text
    assert "<option selected>lab</option>" in page and 'value="first-yo"' in page
    assert "hf upload lab/first-yo first-yo" in page


def test_a_hostile_target_is_shown_as_text(browser, hub):
    browser.enter(hub)
    page = browser.get("/publish?to=%22%3E%3Cscript%3E/%E2%80%AE").text
    assert "<script>/" not in page


def test_an_artifact_begins_with_the_editor_of_its_card(browser, hub):
    browser.enter(hub)
    fields = {"owner": "lab", "name": "fresh", "kind": "model", "visibility": "private"}
    for _ in range(2):  # The same form twice.
        answer = browser.send("/publish", "/publish", fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/lab/fresh/edit/main/README.md")
    assert hub.registry.get("lab/fresh").private
    page = browser.get("/lab/fresh/edit/main/README.md").text
    assert "summary:                     # One sentence" in page


def test_a_refused_name_stays_in_the_form(browser, hub):
    browser.enter(hub)
    answer = browser.send(
        "/publish", "/publish", {"owner": "bob", "name": "<b>", "kind": "model", "visibility": "private"}
    )
    assert answer.status_code == 400
    assert 'value="&lt;b&gt;"' in answer.text
    assert '<option value="private" selected>' in answer.text
