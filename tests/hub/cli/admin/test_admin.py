"""`hub admin` on the registry that is here."""

from __future__ import annotations

import pytest

from hub.cli import main
from hub.local import LocalHub


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_HOME", str(tmp_path))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "cards"))


def run(*arguments, capsys):
    code = main(["admin", *arguments])
    return code, *capsys.readouterr()


def test_a_token_is_printed_alone_and_works(capsys):
    assert run("user", "add", "ada", "--admin", capsys=capsys)[0] == 0
    code, out, _ = run("token", "create", "ada", "--role", "write", capsys=capsys)
    assert code == 0
    assert out.count("\n") == 1
    with LocalHub.open() as hub:
        caller = hub.tokens.caller(out.strip())
        assert caller.is_admin and caller.token.role == "write"


def test_a_token_for_one_artifact_is_listed_as_such_and_revoked(capsys):
    run("user", "add", "ada", capsys=capsys)
    run("token", "create", "ada", "--repo", "ada/module", "--label", "laptop", capsys=capsys)
    code, out, _ = run("token", "list", "ada", capsys=capsys)
    assert out.split("\t")[:5] == ["1", "laptop", "read", "ada/module", "never"]
    assert run("token", "revoke", "ada", "1", capsys=capsys)[0] == 0
    assert "revoked" in run("token", "list", "ada", capsys=capsys)[1]
    code, _, err = run("token", "revoke", "ada", "7", capsys=capsys)
    assert code == 2 and "no token is called `7`" in err


def test_organisations_have_members_with_roles(capsys):
    run("user", "add", "ada", capsys=capsys)
    run("org", "add", "lab", capsys=capsys)
    assert run("org", "member", "lab", "ada", "--role", "admin", capsys=capsys)[1] == "ada has role admin in lab\n"
    assert run("org", "list", "lab", capsys=capsys)[1] == "ada\tadmin\n"
    code, _, err = run("org", "member", "lab", "ada", "--role", "king", capsys=capsys)
    assert code == 2 and "choose one of read, write, admin" in err


def test_a_quota_is_a_size_that_people_write(capsys):
    run("user", "add", "ada", capsys=capsys)
    assert run("quota", "set", "ada", "20G", capsys=capsys)[1] == "ada: 20,000,000,000 bytes\n"
    assert run("quota", "list", capsys=capsys)[1] == "ada\t0\t20000000000\n"
    assert run("quota", "set", "ada", "a lot", capsys=capsys)[0] == 2
    assert "user.quota" in run("audit", "--subject", "ada", capsys=capsys)[1]
