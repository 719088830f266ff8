"""Secrets that pass through the server must not appear in its log, tables or files."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from contextlib import closing

import httpx
import pytest
from huggingface_hub import HfApi

from hub.registry.accounts.permissions import Actor
from hub.registry.membership.reset_links import create_reset_link
from server.parts.device_login.oauth import DEVICE
from tests.builders.server.people import OTHER_PASSWORD, PASSWORD, Browser, serving

WRONG_PASSWORD = "typed by mistake, and nearly right"


def shown_token(page: str) -> str:
    return page.partition('id="new-token">')[2].partition("<")[0]


def drive(endpoint: str, hub, token_of) -> dict[str, str]:
    """Log in in every way, create every kind of secret, cause failures, and return all secrets."""
    secrets = {"password": PASSWORD, "new password": OTHER_PASSWORD, "wrong password": WRONG_PASSWORD}
    secrets["token of an administrator"] = token_of("ada")
    with httpx.Client(base_url=endpoint) as client:
        browser = Browser(client)
        browser.log_in("ada", WRONG_PASSWORD)
        browser.log_in(WRONG_PASSWORD, "ada")
        secrets["CSRF token before login"] = browser.csrf_token("/login")
        secrets["cookie of a form before login"] = client.cookies["linguahub-visitor"]
        browser.log_in()
        secrets["session"] = client.cookies["linguahub"]
        secrets["CSRF token of a session"] = browser.csrf_token("/settings")
        browser.send("/settings", "/settings/tokens", {"name": "x", "role": "write", "days": ""})
        secrets["cookie of a new token"] = client.cookies["linguahub-once"]
        secrets["token from the page"] = shown_token(browser.get("/settings/tokens").text)
        codes = client.post("/oauth/device", data={"client_id": "hf"}).json()
        secrets["device code"] = codes["device_code"]
        page = f"/device?user_code={codes['user_code']}"
        browser.send(page, "/device", {"user_code": codes["user_code"], "answer": "accept", "role": "write"})
        given = {"grant_type": DEVICE, "client_id": "hf", "device_code": codes["device_code"]}
        body = client.post("/oauth/token", data=given).json()
        secrets |= {"token of a device": body["access_token"], "refresh token": body["refresh_token"]}
        renewal = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        body = client.post("/oauth/token", data=renewal).json()
        secrets |= {"renewed token": body["access_token"], "next refresh token": body["refresh_token"]}
        fields = {"current": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
        browser.send("/settings", "/settings/password", fields)
        secrets["session after the new password"] = client.cookies["linguahub"]
        browser.send("/settings", "/logout")
        browser.send("/login", "/login", {"token": secrets["token from the page"]})
        secrets["session started with a token"] = client.cookies["linguahub"]
        browser.send("/settings", "/logout")
        link = create_reset_link(hub.registry.database, "ada", Actor("root")).path
        secrets["link to reset the password"] = link.rpartition("/")[2]
        browser.send(link, link, {"new": PASSWORD, "again": OTHER_PASSWORD})
        browser.send(link, link, {"new": PASSWORD, "again": PASSWORD})
        client.get("/api/whoami-v2", headers={"authorization": f"Bearer {secrets['session']}"})
        secrets |= upload(client, secrets["renewed token"])
        client.post("/api/v1/admin/users", json={"name": PASSWORD}, headers={"authorization": "Bearer lh_" + "w" * 43})
    secrets["made-up token"] = "lh_" + "w" * 43
    return secrets


def upload(client: httpx.Client, token: str) -> dict[str, str]:
    """Upload through signed links and Xet, with a token as git sends it, and return the secrets."""
    api, content = HfApi(endpoint=str(client.base_url), token=token), bytes(range(256)) * 16
    api.create_repo("module")
    api.upload_file(path_or_fileobj=content, path_in_repo="a.parquet", repo_id="ada/module")
    other = content + b"!"
    batch = {
        "operation": "upload",
        "transfers": ["basic"],
        "objects": [{"oid": hashlib.sha256(other).hexdigest(), "size": len(other)}],
    }
    response = client.post("/ada/module.git/info/lfs/objects/batch", json=batch, auth=("ada", token)).json()
    link = response["objects"][0]["actions"]["upload"]["href"]
    assert client.put(link, content=other).status_code == 200
    grant = client.get("/api/models/ada/module/xet-write-token/main", headers={"authorization": f"Bearer {token}"})
    verify = response["objects"][0]["actions"]["verify"]["href"]
    assert client.post(verify, json=batch["objects"][0]).status_code == 200
    return {
        "signed link": link.rpartition("/")[2],
        "signed link to verify": verify.rpartition("/")[2],
        "token of Xet": grant.json()["accessToken"],
    }


@pytest.fixture
def driven(hub, token_of, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with serving(hub) as endpoint:
        secrets = drive(endpoint, hub, token_of)
    out, err = capfd.readouterr()
    own = [each.getMessage() for each in caplog.records if not each.name.startswith(("httpx", "httpcore", "hf_xet"))]
    return secrets, "\n".join([out, err, *own])


def test_no_secret_appears_in_logs_tables_or_files(driven, hub):
    secrets, log = driven
    assert all(len(secret) > 15 for secret in secrets.values()), "short secrets would be found by chance"
    assert "POST /login" in log and "PUT /lfs/objects/" in log and "POST /oauth/token" in log
    hub.close()  # Checkpoints the write-ahead log into the database file.
    with closing(sqlite3.connect(hub.home.registry)) as connection:
        kept = "\n".join(connection.iterdump())
    assert "session.begin" in kept and "device.accept" in kept
    files = [path for path in hub.home.folder.rglob("*") if path.is_file()]
    raw = b"\n".join(path.read_bytes() for path in files)
    found = [
        f"{name} in {place}"
        for name, secret in secrets.items()
        for place, text in (("the log", log), ("the tables", kept))
        if secret in text
    ]
    found += [f"{name} in a file" for name, secret in secrets.items() if secret.encode() in raw]
    assert found == []
