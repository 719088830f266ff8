"""Accounts: identity and permissions of the client."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import RepositoryNotFoundError
from journey.steps import Run, error_of, need, need_option, status_of, step


@step("`whoami`: name, role of the token")
def know_oneself(run: Run) -> None:
    me = run.api.whoami()
    assert me["type"] == "user" and me["auth"]["accessToken"]["role"] == "write", me
    assert any(each["name"] == "crowd" for each in me["orgs"]), me


@step("`login(token=…)` and `logout`")
def log_in(run: Run) -> None:
    huggingface_hub.login(token=run.token)
    assert Path(constants.HF_TOKEN_PATH).read_text() == run.token
    with suppress(OSError):  # Warns that HF_TOKEN is still set, after deleting the other token.
        huggingface_hub.logout()
    assert not Path(constants.HF_TOKEN_PATH).exists()


@step("an invalid token is reported, and not as a missing repository")
def be_refused(run: Run) -> None:
    wrong = HfApi(token="lh_wrong")
    assert status_of(wrong.whoami) == 401
    error = error_of(lambda: wrong.model_info("crowd/model-001"))
    assert "401" in str(error) and not isinstance(error, RepositoryNotFoundError), error


@step("`auth_check`, for reading")
def check_reading(run: Run) -> None:
    run.anonymous.auth_check("crowd/model-001")
    hidden = run.repo("checked", private=True)
    run.api.auth_check(hidden)
    try:
        run.guest.auth_check(hidden)
    except RepositoryNotFoundError:
        return
    raise AssertionError("another user found a private repository")


@step("`auth_check(write=True)`")
def check_writing(run: Run) -> None:
    need_option(HfApi.auth_check, "write")
    repo = run.repo("checked-again")
    run.api.auth_check(repo, write=True)
    assert status_of(lambda: run.guest.auth_check(repo, write=True)) == 403


@step("`get_user_overview`, `get_organization_overview`")
def look_at_people(run: Run) -> None:
    found = run.api.get_user_overview(run.me)
    assert found.username == run.me and [each.name for each in found.orgs] == ["crowd"], found
    crowd = run.api.get_organization_overview("crowd")
    assert crowd.name == "crowd" and crowd.num_models and crowd.num_models >= 100, crowd


@step("`list_organization_members`, `list_user_followers`, `list_user_following`")
def list_people(run: Run) -> None:
    assert run.me in [each.username for each in run.api.list_organization_members("crowd")]
    assert list(run.api.list_user_followers(run.me)) == []
    assert list(run.api.list_user_following(run.me)) == []


@step("`list_organization_followers`")
def list_followers(run: Run) -> None:
    need(HfApi, "list_organization_followers")
    assert list(run.api.list_organization_followers("crowd")) == []
