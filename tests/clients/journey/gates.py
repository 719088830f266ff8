"""Gated repositories: requesting access in a browser, and everything that the client does."""

from __future__ import annotations

from huggingface_hub.errors import GatedRepoError
from journey.contents import TEXT
from journey.steps import Run, status_of, step


def is_closed(run: Run, repo: str) -> bool:
    try:
        run.guest.auth_check(repo)
    except GatedRepoError:
        return True
    return False


@step("gated with automatic approval (`auto`)")
def open_by_itself(run: Run) -> None:
    repo = run.repo("gate-auto", {"a.txt": TEXT})
    run.api.update_repo_settings(repo, gated="auto")
    assert is_closed(run, repo) and run.guest.model_info(repo).gated == "auto"
    run.ask("POST", f"/{repo}/ask-access", run.guest_token)
    assert not is_closed(run, repo)


@step("gated with manual approval (`manual`): list, accept, reject, cancel and grant access requests")
def open_by_hand(run: Run) -> None:
    api, guest = run.api, run.guest_name
    repo = run.repo("gate-manual", {"a.txt": TEXT})
    api.update_repo_settings(repo, gated="manual")
    run.ask("POST", f"/{repo}/ask-access", run.guest_token)
    assert [each.username for each in api.list_pending_access_requests(repo)] == [guest] and is_closed(run, repo)
    api.accept_access_request(repo, guest)
    assert [each.username for each in api.list_accepted_access_requests(repo)] == [guest] and not is_closed(run, repo)
    run.guest.hf_hub_download(repo, "a.txt", cache_dir=run.folder / "gated")
    api.reject_access_request(repo, guest, rejection_reason="not now")
    assert [each.username for each in api.list_rejected_access_requests(repo)] == [guest] and is_closed(run, repo)
    api.cancel_access_request(repo, guest)
    assert [each.username for each in api.list_pending_access_requests(repo)] == [guest] and is_closed(run, repo)
    api.accept_access_request(repo, guest)
    assert status_of(lambda: api.grant_access(repo, guest)) == 400
    assert status_of(lambda: run.guest.list_pending_access_requests(repo)) == 403
    anonymous = run.anonymous
    try:
        anonymous.hf_hub_download(repo, "a.txt", cache_dir=run.folder / "anonymous")
    except GatedRepoError:
        return
    raise AssertionError("an anonymous user was let in")
