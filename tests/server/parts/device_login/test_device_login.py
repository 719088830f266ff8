"""A program logs in through a browser: RFC 8628 by hand, and Hugging Face's own unmodified client."""

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
from tests.builders.server.people import Browser

HF = str(Path(sys.executable).with_name("hf"))


def ask(client, client_id="hf"):
    return client.post("/oauth/device", data={"client_id": client_id}).json()


def poll(client, asked, client_id="hf"):
    fields = {"grant_type": DEVICE, "device_code": asked["device_code"], "client_id": client_id}
    answer = client.post("/oauth/token", data=fields)
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()


def test_a_code_is_confirmed_on_a_page_and_gives_a_token_that_works_everywhere(browser, hub):
    asked = ask(browser.client)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", asked["user_code"])
    assert asked["verification_uri"] == "http://hub.example/device"
    assert asked["verification_uri_complete"].endswith(f"/device?user_code={asked['user_code']}")
    status, body = poll(browser.client, asked)
    assert (status, body["error"]) == (400, "authorization_pending")
    page = asked["verification_uri_complete"].removeprefix("http://hub.example")
    led = browser.get(page).headers["location"]
    assert led.startswith("/login?next=%2Fdevice%3Fuser_code%3D")
    browser.enter(hub)
    shown = browser.get(page).text
    assert "<strong>hf</strong> at 192.0.2.1" in shown
    assert asked["user_code"] in shown and asked["device_code"] not in shown
    done = browser.send(page, "/device", {"user_code": asked["user_code"], "answer": "accept", "role": "write"})
    assert "is signed in as ada" in done.text
    status, body = poll(browser.client, asked)
    assert (status, body["token_type"]) == (200, "bearer")
    assert body["expires_in"] > 24 * 3600, "the client renews a token that has less than a day left"
    me = browser.client.get("/api/whoami-v2", headers={"authorization": f"Bearer {body['access_token']}"}).json()
    assert (me["name"], me["auth"]["accessToken"]["role"]) == ("ada", "write")
    assert poll(browser.client, asked)[1]["error"] == "invalid_grant"
    fields = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "client_id": "hf"}
    renewed = browser.client.post("/oauth/token", data=fields).json()
    assert hub.tokens.caller(renewed["access_token"]).account.name == "ada"
    assert [each.action for each in read_audit(hub.registry.database, subject="ada", limit=3)] == [
        "token.renew",
        "token.create",
        "device.accept",
    ]


def test_a_code_that_is_turned_away_gives_nothing(browser, hub):
    asked = ask(browser.client)
    browser.enter(hub)
    page = f"/device?user_code={asked['user_code'].lower()}"
    fields = {"user_code": asked["user_code"], "answer": "deny", "role": "write"}
    assert "Access denied" in browser.send(page, "/device", fields).text
    assert poll(browser.client, asked)[1]["error"] == "access_denied"
    assert browser.send("/settings", "/device", fields).status_code == 404


def test_a_program_that_asks_too_often_is_told_to_slow_down(browser):
    asked = ask(browser.client)
    assert [poll(browser.client, asked)[1]["error"] for _ in range(2)] == ["authorization_pending", "slow_down"]


def test_codes_cannot_be_found_by_typing_many(browser, hub):
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
def test_what_cannot_be_granted_is_refused_in_words_of_oauth(browser, fields, error):
    answer = browser.client.post("/oauth/token", data=fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


def test_a_client_without_a_name_is_refused(browser):
    assert browser.client.post("/oauth/device").json()["error"] == "invalid_request"
    assert ask(browser.client, "x" * 101)["error"] == "invalid_request"
    assert (
        browser.client.post("/oauth/device", content=b"\xff", headers={"content-type": "application/json"}).status_code
        == 400
    )


def test_trusted_publishing_says_what_to_do_instead(endpoint, monkeypatch):
    from huggingface_hub._oidc import exchange_oidc_token
    from huggingface_hub.errors import HfHubHTTPError

    with pytest.raises(HfHubHTTPError, match="trusted publishing is not served here.*hub admin token create") as caught:
        exchange_oidc_token(subject_token="eyJ", resource="ada/module", endpoint=endpoint)
    assert caught.value.response.json()["error"] == "unsupported_grant_type"
    assert EXCHANGE in str(caught.value.response.request.content)


def test_hf_auth_login_succeeds_with_nothing_but_the_endpoint(hub, endpoint, tmp_path):
    """The default browser flow of the client's own command; the person is played by `Browser`."""
    home = tmp_path / "hf"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    command = [HF, "auth", "login"]
    with (
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as login,
        httpx.Client(base_url=endpoint) as client,
    ):  # fmt: skip
        try:
            said, code = "", None
            while code is None:
                line = login.stdout.readline()
                assert line, said
                said += line
                code = re.search(r"user_code=([A-Z]{4}-[A-Z]{4})", said)
            browser = Browser(client)
            browser.log_in()
            page = f"/device?user_code={code[1]}"
            assert "<strong>hf</strong> at" in browser.get(page).text
            browser.send(page, "/device", {"user_code": code[1], "answer": "accept", "role": "write"})
            said += login.communicate(timeout=60)[0]
        finally:
            login.kill()
    assert login.returncode == 0, said
    kept = configparser.ConfigParser()
    kept.read(home / "stored_tokens")
    [section] = kept.sections()
    assert section == "hf login"
    assert float(kept[section]["expires_at"]) > time.time() + 24 * 3600
    assert hub.tokens.of(hub.accounts.get("ada"))[0].name == "hf login"
    done = subprocess.run([HF, "auth", "whoami"], env=environment, capture_output=True, text=True, check=True)
    assert "ada" in done.stdout
    api = HfApi(endpoint=endpoint, token=(home / "token").read_text())
    assert api.create_repo("by-browser").repo_id == "ada/by-browser"
    script = "from huggingface_hub.utils import _auth; _auth._OAUTH_REFRESH_MARGIN = 10**9; print(_auth.get_token())"
    renewed = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert renewed.stdout.strip() != api.token, "the client renews it with its refresh token"
    assert HfApi(endpoint=endpoint, token=renewed.stdout.strip()).whoami()["name"] == "ada"
    assert api.whoami()["name"] == "ada", "programs that hold the token of before go on"


def test_the_client_is_called_what_people_know_it_as():
    from huggingface_hub import constants

    assert constants.DEVICE_CODE_OAUTH_CLIENT_ID == HUGGING_FACE
