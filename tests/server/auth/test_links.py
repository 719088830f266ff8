"""Links of transfers end with what they were made for: the token, the account's rights, and the repository."""

from __future__ import annotations

import hashlib
import io

import httpx
import pytest
from huggingface_hub import HfApi

from hub.names import ArtifactName
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.access_requests import set_status
from hub.registry.artifacts.repositories import change_settings
from server.auth.links import LINK_SECONDS, MAX_LINK_SECONDS, upload_seconds
from tests.builders.server.people import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
"""huggingface_hub 2.4.0 causes it in httpx2 when it sends a file object."""
ADA, MODULE = Actor("ada"), ArtifactName("lab", "module")
CONTENT = bytes(range(256)) * 40
STORED = hashlib.sha256(CONTENT).hexdigest()
SENT = b"sent by bob"


def oid(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def lab(hub, endpoint, token_of):
    """Return the client of ada, who has a gated repository of the organisation `lab`; bob may write to it."""
    api = HfApi(endpoint=endpoint, token=token_of("ada"))
    api.create_repo(str(MODULE))
    api.upload_file(path_or_fileobj=CONTENT, path_in_repo="a.parquet", repo_id=str(MODULE))
    change_settings(hub.registry.database, MODULE, ADA, gated="manual")
    return api


def batch(endpoint, token, operation, *contents, repo=str(MODULE), **options):
    objects = [{"oid": oid(each), "size": len(each)} for each in contents]
    body = {"operation": operation, "objects": objects, **options}
    done = httpx.post(f"{endpoint}/{repo}.git/info/lfs/objects/batch", json=body, auth=("x", token))
    assert done.status_code == 200, done.text
    return done.json()["objects"]


@pytest.fixture
def transfers(lab, hub, endpoint, token_of, monkeypatch):
    """Return bob's token, and requests for every kind of link, by name: he downloads as a guest and uploads as a member."""
    monkeypatch.setattr("server.protocol.transfer.lfs.PART_BYTES", 1000)
    bob, token = hub.accounts.get("bob"), token_of("bob")
    set_status(hub.registry.database, MODULE, bob, "accepted", ADA)
    [down] = batch(endpoint, token, "download", CONTENT)
    hub.accounts.set_member(hub.accounts.get("lab"), bob, "write", ROOT)
    large = SENT * 200
    [up, parts] = batch(endpoint, token, "upload", SENT, large, transfers=["multipart", "basic"])
    grant = httpx.get(
        f"{endpoint}/api/models/{MODULE}/xet-write-token/main", headers={"authorization": f"Bearer {token}"}
    )
    cas, headers = grant.json()["casUrl"], {"authorization": f"Bearer {grant.json()['accessToken']}"}
    put, complete = up["actions"]["upload"]["href"], parts["actions"]["upload"]
    listed = [{"partNumber": number, "etag": oid(large[(number - 1) * 1000 :][:1000])} for number in (1, 2, 3)]
    return token, {
        "download": lambda: httpx.get(down["actions"]["download"]["href"]),
        "upload": lambda: httpx.put(put, content=SENT),
        "verify": lambda: httpx.post(up["actions"]["verify"]["href"], json={"oid": oid(SENT), "size": len(SENT)}),
        "part": lambda: httpx.put(complete["header"]["1"], content=large[:1000]),
        "another part": lambda: httpx.put(complete["header"]["2"], content=large[1000:2000]),
        "last part": lambda: httpx.put(complete["header"]["3"], content=large[2000:]),
        "complete": lambda: httpx.post(complete["href"], json={"oid": oid(large), "parts": listed}),
        "chunk": lambda: httpx.get(f"{cas}/v1/chunks/default/{'0' * 64}", headers=headers),
    }  # fmt: skip


def statuses(requests):
    return {name: send().status_code for name, send in requests.items()}


UPLOADS = {"upload", "verify", "part", "another part", "last part", "complete", "chunk"}


def revoke(hub, api):
    bob = hub.accounts.get("bob")
    hub.tokens.revoke(bob, hub.tokens.of(bob)[0].id, ROOT)


def expire(hub, api):
    hub.registry.database.execute("UPDATE tokens SET expires_at = '2020-01-01 00:00:00.000000'")


def leave(hub, api):
    hub.accounts.set_member(hub.accounts.get("lab"), hub.accounts.get("bob"), "", ROOT)


def reject(hub, api):
    leave(hub, api)
    set_status(hub.registry.database, MODULE, hub.accounts.get("bob"), "rejected", ADA)


def hide(hub, api):
    leave(hub, api)
    change_settings(hub.registry.database, MODULE, ADA, private=True)


ENDINGS = {
    "the token is revoked": (revoke, UPLOADS | {"download"}),
    "the token has expired": (expire, UPLOADS | {"download"}),
    "the account is removed": (lambda hub, api: hub.accounts.remove("bob", ROOT), UPLOADS | {"download"}),
    "the repository is deleted": (lambda hub, api: api.delete_repo(str(MODULE)), UPLOADS | {"download"}),
    "the repository is renamed": (lambda hub, api: api.move_repo(str(MODULE), "lab/other"), UPLOADS | {"download"}),
    "the role is taken away": (leave, UPLOADS),
    "the access request is rejected": (reject, UPLOADS | {"download"}),
    "the repository becomes private": (hide, UPLOADS | {"download"}),
    "the file is erased": (
        lambda hub, api: api.permanently_delete_lfs_files(str(MODULE), list(api.list_lfs_files(str(MODULE)))), {"download"},
    ),
}  # fmt: skip


def test_links_transfer_the_bytes_that_they_were_created_for(transfers):
    found = statuses(transfers[1])
    assert found == {**dict.fromkeys(found, 200), "chunk": 404}


@pytest.mark.parametrize("how", ENDINGS)
def test_a_link_ends_at_once_when(how, transfers, hub, lab):
    end, ended = ENDINGS[how]
    before = statuses(transfers[1])
    end(hub, lab)
    after = statuses(transfers[1])
    assert {name for name, status in after.items() if status == 401} == ended
    assert {name: after[name] for name in after.keys() - ended} == {
        name: before[name] for name in before.keys() - ended
    }


def test_links_are_valid_for_an_hour_and_longer_only_for_large_uploads(transfers, endpoint, monkeypatch):
    token, requests = transfers
    [planned] = batch(endpoint, token, "download", CONTENT)
    assert planned["actions"]["download"]["expires_in"] == LINK_SECONDS <= 3600
    assert (upload_seconds(0), upload_seconds(36 * 10**8), upload_seconds(10**15)) == (3600, 7200, MAX_LINK_SECONDS)
    import time

    now = time.time()
    monkeypatch.setattr("server.http.signed_links.time.time", lambda: now + LINK_SECONDS + 60)
    assert set(statuses(requests).values()) == {401}


def test_a_link_for_downloads_takes_no_upload_and_the_reverse(transfers, endpoint, token_of):
    token, _ = transfers
    [down] = batch(endpoint, token, "download", CONTENT)
    [up] = batch(endpoint, token, "upload", SENT)
    assert httpx.put(down["actions"]["download"]["href"], content=CONTENT).status_code == 401
    assert httpx.get(up["actions"]["upload"]["href"]).status_code == 401


def test_a_browser_session_gets_no_token_for_uploads(lab, browser, hub):
    browser.enter(hub)
    assert browser.client.get(f"/api/models/{MODULE}/xet-write-token/main").status_code == 403


@pytest.fixture
def narrow(lab, endpoint, token_of):
    """Return a client with ada's token for her public repository; `lab/secret` is another one of her account."""
    lab.create_repo("lab/secret", private=True)
    lab.upload_file(path_or_fileobj=io.BytesIO(SENT), path_in_repo="s.parquet", repo_id="lab/secret")
    lab.create_repo("ada/open")
    return HfApi(endpoint=endpoint, token=token_of("ada", artifact="ada/open"))


def commit_by_digest(api, content, repo="ada/open"):
    lines = [
        {"key": "header", "value": {"summary": "by digest"}},
        {"key": "lfsFile", "value": {"path": "s.parquet", "oid": oid(content), "size": len(content)}},
    ]
    body = "\n".join(httpx.Response(200, json=each).text for each in lines)
    headers = {"authorization": f"Bearer {api.token}"}
    return httpx.post(f"{api.endpoint}/api/models/{repo}/commit/main", content=body, headers=headers)


def test_a_token_for_one_repository_cannot_commit_by_digest_what_its_account_sent_elsewhere(narrow, lab, endpoint):
    refused = commit_by_digest(narrow, SENT)
    assert refused.status_code == 400 and "were not uploaded" in refused.text
    [planned] = batch(endpoint, narrow.token, "upload", SENT, repo="ada/open")
    verify = planned["actions"]["verify"]["href"]
    assert httpx.post(verify, json={"oid": oid(SENT), "size": len(SENT)}).status_code == 400
    assert httpx.put(planned["actions"]["upload"]["href"], content=SENT).status_code == 200
    assert commit_by_digest(narrow, SENT).status_code == 200
    assert commit_by_digest(lab, SENT, "lab/module").status_code == 200, "the token for everything may"


def test_a_token_for_one_repository_cannot_join_parts_that_its_account_sent_elsewhere(narrow, endpoint, monkeypatch):
    monkeypatch.setattr("server.protocol.transfer.lfs.PART_BYTES", len(SENT) - 1)
    [planned] = batch(endpoint, narrow.token, "upload", SENT, repo="ada/open", transfers=["multipart"])
    body = {"oid": oid(SENT), "parts": [{"partNumber": 1, "etag": oid(SENT)}]}
    assert httpx.post(planned["actions"]["upload"]["href"], json=body).status_code == 400
    assert commit_by_digest(narrow, SENT).status_code == 400


def test_files_sent_with_a_narrow_token_can_be_committed_with_it(narrow, lab):
    for number, content in enumerate((b"text", io.BytesIO(SENT * 3), SENT * 4)):
        narrow.upload_file(path_or_fileobj=content, path_in_repo=f"{number}.parquet", repo_id="ada/open")
    assert len(narrow.list_repo_files("ada/open")) >= 3


def test_a_duplicate_of_a_gated_repository_is_gated(transfers, lab, hub, endpoint):
    bobs = HfApi(endpoint=endpoint, token=transfers[0])
    leave(hub, lab)
    assert bobs.duplicate_repo(str(MODULE), "bob/copy").repo_id == "bob/copy"
    assert hub.registry.get("bob/copy").gated == "manual"
    with pytest.raises(Exception, match="403"):
        HfApi(endpoint=endpoint, token=False).hf_hub_download("bob/copy", "a.parquet")


def test_access_to_a_gated_repository_does_not_let_its_files_be_committed_elsewhere_unsent(
    transfers, lab, hub, endpoint
):
    bobs = HfApi(endpoint=endpoint, token=transfers[0])
    leave(hub, lab)
    bobs.create_repo("bob/open")
    assert commit_by_digest(bobs, CONTENT, "bob/open").status_code == 400
