"""Branches, tags and commits; likes."""

from __future__ import annotations

from journey import LONG
from journey.contents import TEXT
from journey.steps import Run, status_of, step


@step("`create_branch`, `delete_branch`, `list_repo_refs`")
def branch(run: Run) -> None:
    repo = run.repo("branched", {"a.txt": TEXT})
    first = run.api.list_repo_commits(repo)[-1].commit_id
    run.api.create_branch(repo, branch="feat/x", revision=first)
    run.api.upload_file(path_or_fileobj=TEXT, path_in_repo="b.txt", repo_id=repo, revision="feat/x")
    refs = run.api.list_repo_refs(repo, include_pull_requests=True)
    assert [each.name for each in refs.branches] == ["main", "feat/x"] and refs.pull_requests == [], refs
    assert refs.branches[1].target_commit == run.api.model_info(repo, revision="feat/x").sha
    assert run.files(repo, revision="feat/x") == {"b.txt"}
    assert status_of(lambda: run.api.create_branch(repo, branch="feat/x")) == 409
    run.api.create_branch(repo, branch="feat/x", exist_ok=True)
    run.api.delete_branch(repo, branch="feat/x")
    assert [each.name for each in run.api.list_repo_refs(repo).branches] == ["main"]
    assert status_of(lambda: run.api.delete_branch(repo, branch="main")) in {400, 403}


@step("a branch named like a tag: commits move the branch, and the tag is still downloaded")
def share_ref(run: Run) -> None:
    repo = run.repo("both-refs", {"a.txt": TEXT})
    run.api.create_tag(repo, tag="v1")
    run.api.create_branch(repo, branch="v1")
    run.api.upload_file(path_or_fileobj=TEXT, path_in_repo="b.txt", repo_id=repo, revision="v1")
    refs = run.api.list_repo_refs(repo)
    assert [each.name for each in refs.branches] == ["main", "v1"] and [each.name for each in refs.tags] == ["v1"], refs
    assert run.files(repo, revision="v1") == {"a.txt"}
    assert run.files(repo, revision="refs/heads/v1") == {"a.txt", "b.txt"}
    run.api.delete_tag(repo, tag="v1")
    assert run.files(repo, revision="v1") == {"a.txt", "b.txt"}


@step("`HEAD` as a revision")
def name_head(run: Run) -> None:
    repo = run.shared
    assert run.fetch(repo, "a.txt", revision="HEAD") == TEXT
    assert run.api.model_info(repo, revision="HEAD").sha == run.api.model_info(repo).sha


@step("`create_tag`, `delete_tag`")
def tag(run: Run) -> None:
    repo = run.repo("labelled", {"a.txt": TEXT})
    run.api.create_tag(repo, tag="v1.0", tag_message="First")
    assert [each.ref for each in run.api.list_repo_refs(repo).tags] == ["refs/tags/v1.0"]
    assert status_of(lambda: run.api.create_tag(repo, tag="v1.0")) == 409
    assert status_of(lambda: run.api.create_tag(repo, tag="v2", revision="absent")) == 404
    run.api.delete_tag(repo, tag="v1.0")
    assert run.api.list_repo_refs(repo).tags == []


@step("`list_repo_commits`, in HTML (`formatted`), and more than a page (50)")
def list_commits(run: Run) -> None:
    commits = run.api.list_repo_commits(LONG, formatted=True)
    assert len(commits) == 61 and commits[0].title == "Say 59 < 99" and commits[0].authors == ["root"], commits[0]
    assert commits[0].formatted_title and "&lt;" in commits[0].formatted_title and commits[0].created_at, commits[0]


@step("`super_squash_history`")
def squash(run: Run) -> None:
    repo = run.repo("squashed", {"a.txt": TEXT})
    run.api.super_squash_history(repo, commit_message="All of it")
    assert [each.title for each in run.api.list_repo_commits(repo)] == ["All of it"]
    assert run.fetch(repo, "a.txt") == TEXT


@step("likes: `list_repo_likers`, `list_liked_repos`, `unlike`")
def like(run: Run) -> None:
    repo = run.repo("liked")
    run.ask("POST", f"/api/models/{repo}/like", run.guest_token)
    assert run.api.model_info(repo).likes == 1
    assert [each.username for each in run.api.list_repo_likers(repo)] == [run.guest_name]
    assert repo in run.api.list_liked_repos(run.guest_name).models
    run.guest.unlike(repo)
    assert run.api.model_info(repo).likes == 0
