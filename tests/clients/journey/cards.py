"""Model cards."""

from __future__ import annotations

from huggingface_hub import (
    DatasetCard,
    EvalResult,
    ModelCard,
    ModelCardData,
    RepoCard,
    metadata_eval_result,
    metadata_load,
    metadata_update,
)
from journey.steps import Absent, Run, bypasses_endpoint, error_of, step


def card(run: Run, **data: object) -> ModelCard:
    result = EvalResult("text-to-image", "emoji", "Emoji", "r_precision_at_1", 0.61)
    known = ModelCardData(language="yo", license="mit", model_name="first", eval_results=[result], **data)
    return ModelCard(f"---\n{known.to_yaml()}\n---\n\n# First\n")


def need_server_validation() -> None:
    if bypasses_endpoint(RepoCard.validate):
        raise Absent("validates cards on huggingface.co, regardless of `HF_ENDPOINT`")


@step("`ModelCard.load`, with `model-index`")
def load(run: Run) -> None:
    repo = run.repo("carded-by-hand", {"README.md": str(card(run)).encode()})
    found = ModelCard.load(repo)
    assert found.data.license == "mit" and found.data.eval_results[0].metric_value == 0.61, found.data


@step("`ModelCard.push_to_hub`, with `model-index`")
def push(run: Run) -> None:
    need_server_validation()
    repo = run.repo("carded")
    card(run, tags=["first"]).push_to_hub(repo)
    found = ModelCard.load(repo)
    assert found.data.license == "mit" and found.data.eval_results[0].metric_value == 0.61, found.data
    info = run.api.model_info(repo)
    assert info.model_index[0]["results"][0]["metrics"][0]["value"] == 0.61, info
    assert "first" in info.tags


@step("`metadata_update`, `metadata_eval_result`")
def update(run: Run) -> None:
    need_server_validation()
    repo = run.repo("updated")
    card(run, tags=["first"]).push_to_hub(repo)
    metadata_update(repo, {"tags": ["second"]}, overwrite=True)
    more = metadata_eval_result(
        model_pretty_name="first", task_pretty_name="T", task_id="text-to-image", metrics_pretty_name="FID",
        metrics_id="fid", metrics_value=12.0, dataset_pretty_name="Emoji", dataset_id="emoji",
    )  # fmt: skip
    metadata_update(repo, more)
    found = run.api.model_info(repo)
    assert "second" in found.tags and "first" not in found.tags, found.tags
    metrics = [metric["type"] for each in found.model_index[0]["results"] for metric in each["metrics"]]
    assert sorted(metrics) == ["fid", "r_precision_at_1"], metrics
    path = run.api.hf_hub_download(repo, "README.md", cache_dir=run.folder / "cards")
    assert metadata_load(path)["tags"] == ["second"]


@step("an invalid card is reported before the upload (`validate-yaml`)")
def validate(run: Run) -> None:
    need_server_validation()
    card(run).validate()
    wrong = ModelCard("---\nlinguahub:\n  kind: adapter\n---\n")
    error = error_of(wrong.validate)
    assert isinstance(error, ValueError) and "license" in str(error), error


@step("`DatasetCard.push_to_hub`")
def push_dataset(run: Run) -> None:
    need_server_validation()
    repo = run.repo("carded-words", repo_type="dataset")
    DatasetCard("---\nlicense: mit\nlanguage: ha\n---\n\n# Words\n").push_to_hub(repo)
    assert "ha" in run.api.dataset_info(repo).tags
