"""A device logs in through a browser: RFC 8628 with plain requests, and Hugging Face's client."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from hub.registry.accounts.audit import read_audit
from server.parts.device_login.oauth import DEVICE, EXCHANGE, HUGGING_FACE
from tests.builders.processes import running
from tests.builders.server.people import Browser

HF = str(Path(sys.executable).with_name("hf"))


def ask(client, client_id="hf"):
    return client.post("/oauth/device", data={"client_id": client_id}).json()


def poll(client, codes, client_id="hf"):
    fields = {"grant_type": DEVICE, "device_code": codes["device_code"], "client_id": client_id}
    response = client.post("/oauth/token", data=fields)
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


def test_an_authorized_code_returns_a_working_token(browser, hub):
    codes = ask(browser.client)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", codes["user_code"])
    assert codes["verification_uri"] == "http://hub.example/device"
    assert codes["verification_uri_complete"].endswith(f"/device?user_code={codes['user_code']}")
    status, body = poll(browser.client, codes)
    assert (status, body["error"]) == (400, "authorization_pending")
    page = codes["verification_uri_complete"].removeprefix("http://hub.example")
    led = browser.get(page).headers["location"]
    assert led.startswith("/login?next=%2Fdevice%3Fuser_code%3D")
    browser.enter(hub)
    shown = browser.get(page).text
    assert "<strong>hf</strong> at 192.0.2.1" in shown
    assert codes["user_code"] in shown and codes["device_code"] not in shown
    done = browser.send(page, "/device", {"user_code": codes["user_code"], "answer": "accept", "role": "write"})
    assert "is logged in as ada" in done.text
    status, body = poll(browser.client, codes)
    assert (status, body["token_type"]) == (200, "bearer")
    assert body["expires_in"] > 24 * 3600, "the client renews a token that has less than a day left"
    me = browser.client.get("/api/whoami-v2", headers={"authorization": f"Bearer {body['access_token']}"}).json()
    assert (me["name"], me["auth"]["accessToken"]["role"]) == ("ada", "write")
    assert poll(browser.client, codes)[1]["error"] == "invalid_grant"
    fields = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "client_id": "hf"}
    renewed = browser.client.post("/oauth/token", data=fields).json()
    assert hub.tokens.caller(renewed["access_token"]).account.name == "ada"
    assert [each.action for each in read_audit(hub.registry.database, subject="ada", limit=3)] == [
        "token.renew",
        "token.create",
        "device.accept",
    ]


def test_a_denied_code_returns_no_token(browser, hub):
    codes = ask(browser.client)
    browser.enter(hub)
    page = f"/device?user_code={codes['user_code'].lower()}"
    fields = {"user_code": codes["user_code"], "answer": "deny", "role": "write"}
    assert "Access denied" in browser.send(page, "/device", fields).text
    assert poll(browser.client, codes)[1]["error"] == "access_denied"
    assert browser.send("/settings", "/device", fields).status_code == 404


def test_a_device_that_polls_too_often_gets_slow_down(browser):
    codes = ask(browser.client)
    assert [poll(browser.client, codes)[1]["error"] for _ in range(2)] == ["authorization_pending", "slow_down"]


def test_codes_cannot_be_found_by_trying_many(browser, hub):
    browser.enter(hub)
    codes = [browser.get(f"/device?user_code=BBBB-BBB{letter}").status_code for letter in "BCDFGHJKLMNPQRSTVWXZB"]
    assert codes == [404] * 20 + [429]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "ada", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": DEVICE}, "invalid_grant"),
        ({"grant_type": DEVICE, "device_code": "ọ", "client_id": "hf"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "lhr_wrong"}, "invalid_grant"),
    ],
)
def test_refused_token_requests_return_oauth_errors(browser, fields, error):
    response = browser.client.post("/oauth/token", data=fields)
    assert (response.status_code, response.json()["error"]) == (400, error)
    assert response.json()["error_description"]


def test_a_client_without_a_name_is_refused(browser):
    assert browser.client.post("/oauth/device").json()["error"] == "invalid_request"
    assert ask(browser.client, "x" * 101)["error"] == "invalid_request"
    assert (
        browser.client.post("/oauth/device", content=b"\xff", headers={"content-type": "application/json"}).status_code
        == 400
    )


def test_trusted_publishing_is_refused_with_an_alternative(endpoint, monkeypatch):
    from huggingface_hub._oidc import exchange_oidc_token
    from huggingface_hub.errors import HfHubHTTPError

    with pytest.raises(HfHubHTTPError, match="trusted publishing is not supported.*hub admin token create") as caught:
        exchange_oidc_token(subject_token="eyJ", resource="ada/module", endpoint=endpoint)
    assert caught.value.response.json()["error"] == "unsupported_grant_type"
    assert EXCHANGE in str(caught.value.response.request.content)


def test_hf_auth_login_only_needs_the_endpoint(hub, endpoint, tmp_path):
    """Run the default browser flow of `hf auth login`, with `Browser` as the user."""
    home = tmp_path / "hf"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    command = [HF, "auth", "login"]
    with (
        running(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as login,
        httpx.Client(base_url=endpoint) as client,
    ):  # fmt: skip
        output, code = "", None
        while code is None:
            line = login.stdout.readline()
            assert line, output
            output += line
            code = re.search(r"user_code=([A-Z]{4}-[A-Z]{4})", output)
        browser = Browser(client)
        browser.log_in()
        page = f"/device?user_code={code[1]}"
        assert "<strong>hf</strong> at" in browser.get(page).text
        browser.send(page, "/device", {"user_code": code[1], "answer": "accept", "role": "write"})
        output += login.communicate(timeout=60)[0]
    assert login.returncode == 0, output
    kept = configparser.ConfigParser()
    kept.read(home / "stored_tokens")
    [section] = kept.sections()
    assert section == "hf login"
    assert float(kept[section]["expires_at"]) > time.time() + 24 * 3600
    assert hub.tokens.of(hub.accounts.get("ada"))[0].name == "hf login"
    done = subprocess.run(
        [HF, "auth", "whoami"], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert "ada" in done.stdout
    api = HfApi(endpoint=endpoint, token=(home / "token").read_text())
    assert api.create_repo("by-browser").repo_id == "ada/by-browser"
    script = "from huggingface_hub.utils import _auth; _auth._OAUTH_REFRESH_MARGIN = 10**9; print(_auth.get_token())"
    renewed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert renewed.stdout.strip() != api.token, "the client renews it with its refresh token"
    assert HfApi(endpoint=endpoint, token=renewed.stdout.strip()).whoami()["name"] == "ada"
    assert api.whoami()["name"] == "ada", "the previous token still works"


def test_the_client_is_shown_by_its_name():
    from huggingface_hub import constants

    assert constants.DEVICE_CODE_OAUTH_CLIENT_ID == HUGGING_FACE
