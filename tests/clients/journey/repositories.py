"""Create, change, move, copy and delete repositories."""

from __future__ import annotations

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from journey.contents import SHARED, TEXT, weights
from journey.steps import Run, need, status_of, step


@step("`create_repo`, once and with `exist_ok`")
def create(run: Run) -> None:
    made = run.api.create_repo("without-owner")
    assert made.repo_id == f"{run.me}/without-owner" and str(made).startswith(run.endpoint), made
    assert status_of(lambda: run.api.create_repo("without-owner")) == 409
    assert run.api.create_repo("without-owner", exist_ok=True).repo_id == made.repo_id
    assert status_of(lambda: run.guest.create_repo(f"{run.me}/foreign")) == 403


@step("`repo_exists`, `revision_exists`, `file_exists`")
def exist(run: Run) -> None:
    repo = run.shared
    assert run.api.repo_exists(repo) and not run.api.repo_exists(f"{run.me}/absent")
    assert run.api.revision_exists(repo, "main") and not run.api.revision_exists(repo, "absent")
    assert run.api.file_exists(repo, "a.txt") and not run.api.file_exists(repo, "b.txt")


@step("private repositories (`private=True`) are hidden from others")
def hide(run: Run) -> None:
    repo = run.repo("hidden", {"a.txt": TEXT}, private=True)
    assert run.api.model_info(repo).private
    assert repo in {each.id for each in run.api.list_models(author=run.me)}
    for other in (run.guest, run.anonymous):
        assert not other.repo_exists(repo)
        assert repo not in {each.id for each in other.list_models(author=run.me)}


@step("`update_repo_settings`: private, gated")
def change_settings(run: Run) -> None:
    repo = run.repo("changing")
    run.api.update_repo_settings(repo, private=True)
    assert run.api.model_info(repo).private and not run.guest.repo_exists(repo)
    run.api.update_repo_settings(repo, private=False, gated="auto")
    assert run.guest.model_info(repo).gated == "auto"
    run.api.update_repo_settings(repo, gated=False)
    assert not run.guest.model_info(repo).gated


@step("`move_repo`: both names work afterwards")
def move(run: Run) -> None:
    old, new = run.repo("before", {"a.txt": TEXT}), f"{run.me}/after"
    run.api.move_repo(old, new)
    assert run.api.model_info(new).id == new
    assert run.api.model_info(old).id == new
    assert run.fetch(old, "a.txt") == TEXT
    assert run.files(old) == {"a.txt"}


@step("`delete_repo`, with `missing_ok`")
def delete(run: Run) -> None:
    repo = run.repo("passing")
    assert status_of(lambda: run.guest.delete_repo(repo)) == 403
    run.api.delete_repo(repo)
    assert not run.api.repo_exists(repo)
    run.api.delete_repo(repo, missing_ok=True)
    try:
        run.api.delete_repo(repo)
    except RepositoryNotFoundError:
        return
    raise AssertionError("deleted twice")


@step("`delete_repo` without an owner; the name can be used again")
def delete_own(run: Run) -> None:
    repo = run.repo("used-twice", {"a.txt": TEXT})
    run.api.delete_repo("used-twice")
    assert not run.api.repo_exists(repo)
    assert run.repo("used-twice", {"b.txt": TEXT}) == repo and run.files(repo) == {"b.txt"}
    run.api.move_repo(repo, f"{run.me}/moved-away")
    assert run.repo("used-twice") == repo and run.files(repo) == set()


@step("a model and a data set with the same name")
def share_name(run: Run) -> None:
    model = run.repo("both", {"a.txt": b"model"})
    made = run.api.create_repo("both", repo_type="dataset")
    assert made.repo_id == model and str(made) == f"{run.endpoint}/datasets/{model}", made
    run.api.upload_file(path_or_fileobj=b"data", path_in_repo="a.txt", repo_id=model, repo_type="dataset")
    assert (run.fetch(model, "a.txt"), run.fetch(model, "a.txt", repo_type="dataset")) == (b"model", b"data")
    assert run.api.dataset_info(model).sha != run.api.model_info(model).sha
    run.api.delete_repo("both", repo_type="dataset")
    assert run.api.repo_exists(model) and not run.api.repo_exists(model, repo_type="dataset")


@step("`duplicate_repo`")
def duplicate(run: Run) -> None:
    need(HfApi, "duplicate_repo")
    repo = run.shared
    copy = run.api.duplicate_repo(repo, f"{run.me}/duplicate", private=True)
    assert copy.repo_id == f"{run.me}/duplicate" and run.api.model_info(copy.repo_id).private
    assert run.fetch(copy.repo_id, "model.safetensors") == SHARED["model.safetensors"]
    assert status_of(lambda: run.api.duplicate_repo(repo, f"{run.me}/duplicate")) == 409
    assert run.api.duplicate_repo(repo, f"{run.me}/duplicate", exist_ok=True).repo_id == copy.repo_id


@step("`list_user_repos`: own repositories, with sizes")
def list_own(run: Run) -> None:
    need(HfApi, "list_user_repos")
    repo = run.repo("listed", {"model.safetensors": weights(1000)}, private=True)
    found = {each.id: each for each in run.api.list_user_repos()}
    assert found[repo].storage and found[repo].storage > 4000, found[repo]
    assert found[repo].visibility == "private" and found[repo].type == "model"
    assert "crowd/model-001" in {each.id for each in run.api.list_user_repos(namespace="crowd")}


@step("data sets: create, upload, describe, list, download, delete")
def use_dataset(run: Run) -> None:
    repo = run.repo("words", {"names.txt": TEXT}, repo_type="dataset")
    assert run.api.dataset_info(repo).id == repo
    assert repo in {each.id for each in run.api.list_datasets(author=run.me)}
    assert repo not in {each.id for each in run.api.list_models(author=run.me)}
    assert run.fetch(repo, "names.txt", repo_type="dataset") == TEXT
    assert [each.path for each in run.api.list_repo_tree(repo, repo_type="dataset")] == [".gitattributes", "names.txt"]
    run.api.delete_repo(repo, repo_type="dataset")
    assert not run.api.repo_exists(repo, repo_type="dataset")
