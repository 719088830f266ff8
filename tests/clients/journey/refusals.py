"""Features of the Hugging Face Hub that this server lacks: 501 with the documented error for every call of the client."""

from __future__ import annotations

from typing import Any

from journey.contents import TEXT
from journey.steps import Absent, Run, bypasses_endpoint, error_of, step

Calls = list[tuple[str, tuple[Any, ...], dict[str, Any]]]
"""Method, arguments and options; methods that a version lacks are skipped."""


def refused(run: Run, calls: Calls) -> None:
    tried = 0
    for method, arguments, options in calls:
        call = getattr(run.api, method, None)
        if call is None or bypasses_endpoint(call):
            continue
        tried += 1
        error: Any = error_of(lambda: call(*arguments, **options))  # noqa: B023 - called before the next round
        response = getattr(error, "response", None)
        assert response is not None, f"{method}: {error!r}"
        assert response.status_code == 501, f"{method}: {response.status_code} {response.text[:200]}"
        assert response.headers["x-error-code"] == "NotImplemented", method
        assert "not supported" in response.json()["error"], f"{method}: {error}"
    if not tried:
        raise Absent("calls huggingface.co, regardless of `HF_ENDPOINT`")


@step("Spaces")
def refuse_spaces(run: Run) -> None:
    space = f"{run.me}/space"
    refused(
        run,
        [
            ("create_repo", (space,), {"repo_type": "space", "space_sdk": "static"}),
            ("space_info", (space,), {}),
            ("list_spaces", (), {"limit": 1}),
            ("search_spaces", ("emoji",), {}),
            ("get_space_runtime", (space,), {}),
            ("get_space_variables", (space,), {}),
            ("get_space_secrets", (space,), {}),
            ("add_space_secret", (space, "A", "b"), {}),
            ("delete_space_secret", (space, "A"), {}),
            ("add_space_variable", (space, "A", "b"), {}),
            ("delete_space_variable", (space, "A"), {}),
            ("request_space_hardware", (space, "cpu-basic"), {}),
            ("set_space_sleep_time", (space, 100), {}),
            ("pause_space", (space,), {}),
            ("restart_space", (space,), {}),
            ("duplicate_space", (space,), {}),
            ("request_space_storage", (space, "small"), {}),
            ("delete_space_storage", (space,), {}),
            ("enable_space_dev_mode", (space,), {}),
            ("disable_space_dev_mode", (space,), {}),
            ("list_spaces_hardware", (), {}),
            ("list_space_templates", (), {}),
            ("delete_space_volumes", (space,), {}),
            ("get_zero_gpu_quota", (), {}),
            ("delete_repo", (space,), {"repo_type": "space"}),
            ("list_repo_tree", (space,), {"repo_type": "space"}),
            ("list_repo_refs", (space,), {"repo_type": "space"}),
            ("kernel_info", (space,), {}),
        ],
    )


@step("jobs")
def refuse_jobs(run: Run) -> None:
    own = {"namespace": run.me}
    refused(
        run,
        [
            ("run_job", (), {"image": "python:3.12", "command": ["true"], **own}),
            ("list_jobs", (), own),
            ("inspect_job", (), {"job_id": "x", **own}),
            ("cancel_job", (), {"job_id": "x", **own}),
            ("list_jobs_hardware", (), {}),
            ("update_job_labels", (), {"job_id": "x", "labels": {}, **own}),
            ("rerun_job", (), {"job_id": "x", **own}),
            ("list_scheduled_jobs", (), own),
            ("create_scheduled_job", (), {"image": "python:3.12", "command": ["true"], "schedule": "@daily", **own}),
            ("inspect_scheduled_job", (), {"scheduled_job_id": "x", **own}),
            ("suspend_scheduled_job", (), {"scheduled_job_id": "x", **own}),
            ("resume_scheduled_job", (), {"scheduled_job_id": "x", **own}),
            ("delete_scheduled_job", (), {"scheduled_job_id": "x", **own}),
            ("trigger_scheduled_job", (), {"scheduled_job_id": "x", **own}),
        ],
    )


@step("papers, collections, buckets")
def refuse_groups(run: Run) -> None:
    slug = f"{run.me}/some-{'0' * 24}"
    item = {"item_object_id": "x"}
    refused(
        run,
        [
            ("paper_info", ("2412.01271",), {}),
            ("list_papers", (), {"query": "mulan"}),
            ("list_daily_papers", (), {}),
            ("read_paper", ("2412.01271",), {}),
            ("list_collections", (), {"owner": run.me}),
            ("get_collection", (slug,), {}),
            ("create_collection", ("Title",), {}),
            ("update_collection_metadata", (slug,), {"title": "x"}),
            ("delete_collection", (slug,), {}),
            ("add_collection_item", (slug,), {"item_id": f"{run.me}/x", "item_type": "model"}),
            ("update_collection_item", (slug,), {"note": "x", **item}),
            ("delete_collection_item", (slug,), item),
            ("create_bucket", (f"{run.me}/bucket",), {}),
            ("list_buckets", (), {}),
            ("bucket_info", (f"{run.me}/bucket",), {}),
            ("delete_bucket", (f"{run.me}/bucket",), {}),
            ("list_bucket_tree", (f"{run.me}/bucket",), {}),
            ("get_dataset_leaderboard", (f"{run.me}/words",), {}),
        ],
    )


@step("discussions and pull requests")
def refuse_discussions(run: Run) -> None:
    repo = run.repo("undiscussed")
    numbered = {"repo_id": repo, "discussion_num": 1}
    sent = {"path_or_fileobj": TEXT, "path_in_repo": "a.txt", "repo_id": repo, "create_pr": True}
    refused(
        run,
        [
            ("get_repo_discussions", (repo,), {}),
            ("get_discussion_details", (), numbered),
            ("create_discussion", (repo,), {"title": "x"}),
            ("create_pull_request", (repo,), {"title": "x"}),
            ("comment_discussion", (), {"comment": "x", **numbered}),
            ("rename_discussion", (), {"new_title": "x", **numbered}),
            ("change_discussion_status", (), {"new_status": "closed", **numbered}),
            ("merge_pull_request", (), numbered),
            ("edit_discussion_comment", (), {"comment_id": "1", "new_content": "x", **numbered}),
            ("hide_discussion_comment", (), {"comment_id": "1", **numbered}),
            ("upload_file", (), sent),
        ],
    )
    assert run.files(repo) == set()
