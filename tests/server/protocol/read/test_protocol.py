"""Read requests with Hugging Face's client."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
from starlette.testclient import TestClient

from hub.local import LocalHub
from server.http.urls import commit_id


@pytest.fixture
def api(endpoint: str) -> HfApi:
    return HfApi(endpoint=endpoint, token=False)


def test_one_file_is_downloaded(endpoint: str, hub: LocalHub, tmp_path: Path):
    path = hf_hub_download(
        "ada/first-yo", "model.safetensors", subfolder="emoji-sd", endpoint=endpoint, cache_dir=tmp_path
    )
    [file] = [
        each
        for each in hub.registry.revision(hub.registry.get("ada/first-yo").name).files
        if each.path.endswith(".safetensors")
    ]
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == file.digest.hex


def test_a_whole_repository_is_downloaded(endpoint: str, hub: LocalHub, tmp_path: Path):
    folder = Path(snapshot_download("linguahub/tiny-sd", endpoint=endpoint, cache_dir=tmp_path))
    revision = hub.registry.revision(hub.registry.get("tiny-sd").name)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        each.path for each in revision.files
    }
    assert folder.name == commit_id(revision.id)


def test_an_older_revision_is_downloaded_by_its_id(endpoint: str, hub: LocalHub, tmp_path: Path):
    older = hub.registry.revisions(hub.registry.get("ada/first-yo").name)[-1]
    path = hf_hub_download(
        "ada/first-yo", "README.md", revision=commit_id(older.id), endpoint=endpoint, cache_dir=tmp_path
    )
    assert "CLDR" not in Path(path).read_text(encoding="utf-8")


def test_a_dataset_is_downloaded(endpoint: str, tmp_path: Path):
    path = hf_hub_download(
        "linguahub/tiny-emoji", "names.txt", repo_type="dataset", endpoint=endpoint, cache_dir=tmp_path
    )
    assert Path(path).read_text(encoding="utf-8") == "ọkọ̀ ojú omi\n"


def test_the_endpoint_can_be_set_in_the_environment(endpoint: str, tmp_path: Path):
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
    script = "from huggingface_hub import hf_hub_download; print(open(hf_hub_download('ada/first-yo', 'emoji-sd/config.json')).read())"
    response = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert '"method": "mulan"' in response.stdout, response.stderr


def test_model_info_describes_a_repository(api: HfApi, hub: LocalHub):
    found = api.model_info("ada/first-yo", files_metadata=True)
    assert found.id == "ada/first-yo"
    assert found.sha == commit_id(hub.registry.get("ada/first-yo").revision)
    assert found.card_data["license"] == "apache-2.0"
    assert found.last_modified is not None
    weights = next(each for each in found.siblings if each.rfilename == "emoji-sd/model.safetensors")
    assert weights.size == weights.lfs.size
    assert len(weights.lfs.sha256) == 64


def test_dataset_info_describes_a_dataset(api: HfApi):
    assert api.dataset_info("linguahub/tiny-emoji").author == "linguahub"
    assert "linguahub/tiny-emoji" in [each.id for each in api.list_datasets(author="linguahub")]


def test_files_are_listed(api: HfApi):
    assert api.list_repo_files("linguahub/tiny-sd") == [
        "README.md",
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    ]


def test_a_folder_is_listed_with_sizes_and_digests(api: HfApi):
    [folder, *files] = api.list_repo_tree("linguahub/tiny-sd")
    assert folder.path == "unet"
    assert [each.path for each in files] == ["README.md", "model_index.json"]
    inside = list(api.list_repo_tree("linguahub/tiny-sd", path_in_repo="unet"))
    assert [each.path for each in inside] == ["unet/config.json", "unet/diffusion_pytorch_model.safetensors"]
    assert inside[1].lfs.size == inside[1].size


def test_artifacts_are_listed_by_tag_owner_and_search_term(api: HfApi):
    assert {each.id for each in api.list_models(author="ada")} == {"ada/first-yo", "ada/first-ar", "ada/many"}
    assert {each.id for each in api.list_models(author="ada", filter="yo")} == {"ada/first-yo", "ada/many"}
    assert {each.id for each in api.list_models(author="ada", filter=["ar", "license:mit"])} == {"ada/first-ar"}
    assert "ada/first-ar" in {each.id for each in api.list_models(search="first-ar")}
    assert {each.id for each in api.list_models(filter="base_model:linguahub/emoji-sd", author="ada")} >= {"ada/many"}


def test_following_next_links_returns_the_whole_list(client: TestClient):
    found, address = [], "/api/models?author=ada&limit=1&sort=lastModified"
    while address:
        response = client.get(address)
        found += [each["id"] for each in response.json()]
        address = response.links.get("next", {}).get("url")
    assert sorted(found) == ["ada/first-ar", "ada/first-yo", "ada/many"]


def test_missing_repositories_revisions_and_files_raise_errors_of_the_client(api: HfApi, endpoint: str, tmp_path: Path):
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("ada/nothing")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("ada/first-yo", revision="refs/pr/7")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("ada/first-yo", "absent.json", endpoint=endpoint, cache_dir=tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree("ada/first-yo", path_in_repo="additional_chat_templates"))
    assert not api.file_exists("ada/first-yo", "absent.json")


def test_a_revision_with_an_encoded_slash_is_one_path_segment(client: TestClient):
    response = client.get("/api/models/ada/first-yo/revision/refs%2Fpr%2F7")
    assert response.status_code == 404
    assert "refs/pr/7" in response.json()["error"]


@pytest.mark.parametrize("address", ["/api/models?limit=0", "/api/models?cursor=nonsense!", "/api/models?sort=beauty"])
def test_a_list_with_invalid_parameters_is_refused(client: TestClient, address: str):
    response = client.get(address)
    assert response.status_code == 400
    assert response.json()["error"]


def test_requests_keep_the_id_sent_by_the_client(client: TestClient):
    assert client.get("/api/models", headers={"X-Request-Id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert client.get("/api/models", headers={"X-Amzn-Trace-Id": "trace;2"}).headers["x-request-id"] == "trace;2"
    assert client.get("/api/nothing", headers={"X-Request-Id": "bad id\t"}).headers["x-request-id"] != "bad id\t"


@pytest.mark.parametrize("path", ["/api/nothing", "/favicon.png", "/.git/config", "/a/b/c/d"])
def test_unknown_paths_return_404(client: TestClient, path: str):
    assert client.get(path).status_code == 404


def test_unsupported_methods_return_405(client: TestClient):
    response = client.post("/api/models/ada/first-yo")
    assert response.status_code == 405
    assert response.json() == {"error": "Method Not Allowed"}
