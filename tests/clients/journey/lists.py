"""Lists of repositories. `crowd` has CROWD models, created before the server starts."""

from __future__ import annotations

import inspect
import time

from huggingface_hub import HfApi
from journey import CROWD
from journey.contents import CARD, weights
from journey.steps import Run, need_option, status_of, step


@step("`list_models`: `author`, and pagination with `Link`")
def list_all(run: Run) -> None:
    found = [each.id for each in run.api.list_models(author="crowd")]
    assert len(found) == len(set(found)) == CROWD, len(found)


@step("`list_models`: `search` by a part of the name")
def search(run: Run) -> None:
    repo = run.repo("Searched-for.Thing")
    for part in ("searched-for", "rched-fo", f"{run.me}/searched", "FOR.THING"):
        assert repo in {each.id for each in run.api.list_models(search=part)}, part
    assert not list(run.api.list_models(search=f"{run.me}/rched"))


@step("`list_models`: `filter` by language, licence, base and custom tags")
def filter_by_tags(run: Run) -> None:
    card = b"---\nlicense: mit\nlanguage: yo\nbase_model: linguahub/emoji-sd\ntags: [%s]\n---\n" % run.me.encode()
    repo = run.repo("filtered", {"README.md": card})
    for wanted in ("yo", "license:mit", "base_model:linguahub/emoji-sd", run.me, ["yo", run.me]):
        assert repo in {each.id for each in run.api.list_models(filter=wanted, author=run.me)}, wanted
    assert not list(run.api.list_models(filter=["ha", run.me]))
    assert [each.id for each in run.api.list_models(filter=run.me)] == [repo]


@step("`list_models`: `sort` by downloads, likes, time, trend; `limit`")
def sort(run: Run) -> None:
    for number in range(3):
        run.repo(f"sorted-{number}")
    liked, read = f"{run.me}/sorted-1", run.repo("sorted-3", {"config.json": b"{}"})
    run.ask("POST", f"/api/models/{liked}/like", run.token)
    run.fetch(read, "config.json")
    until = time.monotonic() + 10
    while not run.api.model_info(read).downloads and time.monotonic() < until:
        time.sleep(0.05)  # Downloads are counted after the response, so that clients do not wait for it.
    mine = {"author": run.me, "search": "sorted", "limit": 1}
    for by, first in (("likes", liked), ("downloads", read), ("created_at", read), ("last_modified", read)):
        [found] = run.api.list_models(sort=by, **mine)
        assert found.id == first, (by, found.id)
    assert len(list(run.api.list_models(sort="trending_score", author=run.me, limit=2))) == 2
    assert status_of(lambda: list(run.api.list_models(sort="beauty"))) == 400


@step("`list_models`: `full`, `cardData`, `fetch_config`")
def list_fully(run: Run) -> None:
    repo = run.repo("fully", {"README.md": CARD, "config.json": b'{"model_type": "bert"}'})
    [plain] = run.api.list_models(author=run.me, search="fully")
    assert plain.id == repo and plain.tags and plain.created_at and plain.likes == 0 and plain.siblings is None, plain
    [full] = run.api.list_models(author=run.me, search="fully", full=True, cardData=True, fetch_config=True)
    assert full.author == run.me and full.sha and full.last_modified, full
    assert {each.rfilename for each in full.siblings} == {".gitattributes", "README.md", "config.json"}
    assert full.card_data["license"] == "mit" and full.config["model_type"] == "bert", full


@step("`list_models`: `expand`")
def list_expanded(run: Run) -> None:
    repo = run.shared
    expand = ["cardData", "likes", "sha", "siblings", "safetensors", "usedStorage", "baseModels", "downloadsAllTime"]
    [found] = run.api.list_models(author=run.me, search="share", expand=expand)
    assert found.id == repo and found.card_data["license"] == "mit" and found.sha and found.likes == 0, found
    assert len(found.siblings) == 5 and found.safetensors.total == 2000 and found.tags is None, found
    assert status_of(lambda: list(run.api.list_models(author=run.me, expand=["beauty"]))) == 400


@step("`list_models`: `gated`, `pipeline_tag`, `apps`, `inference`")
def narrow(run: Run) -> None:
    repo, options = run.repo("narrowed"), inspect.signature(HfApi.list_models).parameters
    run.api.update_repo_settings(repo, gated="auto")
    assert [each.id for each in run.api.list_models(author=run.me, search="narrowed", gated=True)] == [repo]
    assert not list(run.api.list_models(author=run.me, search="narrowed", gated=False))
    assert not list(run.api.list_models(author=run.me, search="narrowed", inference="warm"))
    if "pipeline_tag" in options:
        assert not list(run.api.list_models(author=run.me, search="narrowed", pipeline_tag="fill-mask"))
    if "apps" in options:
        assert not list(run.api.list_models(author=run.me, search="narrowed", apps="vllm"))


@step("`list_models`: `num_parameters`")
def weigh(run: Run) -> None:
    need_option(HfApi.list_models, "num_parameters")
    small = run.repo("heavy-small", {"model.safetensors": weights(1000)})
    large = run.repo("heavy-large", {"model.safetensors": weights(30_000)})
    mine = {"author": run.me, "search": "heavy"}
    assert [each.id for each in run.api.list_models(num_parameters="max:10K", **mine)] == [small]
    assert [each.id for each in run.api.list_models(num_parameters="min:10K,max:1M", **mine)] == [large]


@step("`list_datasets`: `author`, `filter`, `search`, `sort`, `expand`")
def list_datasets(run: Run) -> None:
    repo = run.dictionary
    for wanted in ({"filter": "yo"}, {"sort": "downloads"}, {"expand": ["cardData", "likes"]}, {"full": True}):
        found = run.api.list_datasets(author=run.me, search="ictionar", **wanted)
        assert [each.id for each in found] == [repo], wanted
    assert not list(run.api.list_datasets(author=run.me, search="ictionar", filter="ha"))


@step("`get_model_tags`, `get_dataset_tags`")
def list_tags(run: Run) -> None:
    assert run.shared and run.dictionary
    for found in (run.api.get_model_tags(), run.api.get_dataset_tags()):
        assert "yo" in [each["id"] for each in found["language"]], found.keys()
        assert "license:mit" in [each["id"] for each in found["license"]], found["license"]
