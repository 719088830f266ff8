"""With a bucket as store, large files are redirected to it."""

from pathlib import Path

import numpy as np
from huggingface_hub import hf_hub_download
from safetensors.numpy import save_file
from starlette.testclient import TestClient

from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.publish import publish
from server import create_app
from tests.builders.artifacts import a_folder
from tests.builders.serving import serving


def test_large_files_are_redirected_to_the_bucket_and_small_ones_are_not(bucket, tmp_path):
    folder = a_folder(tmp_path / "mulan-yo")
    save_file({"weight": np.arange(1 << 19, dtype=np.float32)}, folder / "emoji-sd" / "model.safetensors")
    home = Home(tmp_path / "registry.db", tmp_path / "home", tmp_path / "no-cards", store_url=bucket)
    with LocalHub.open(home) as hub:
        revision = publish(folder, ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
        with TestClient(create_app(hub), follow_redirects=False) as client:
            response = client.get("/local/mulan-yo/resolve/main/emoji-sd/model.safetensors")
            assert response.status_code == 302
            assert response.headers["X-Repo-Commit"] == revision.id[:40]
            assert int(response.headers["X-Linked-Size"]) > 1 << 20
            assert "Signature" in response.headers["Location"] and "X-Amz-Expires=600" in response.headers["Location"]
            assert client.get("/local/mulan-yo/resolve/main/README.md").content == (folder / "README.md").read_bytes()
        with serving(hub) as endpoint:
            for path in ("emoji-sd/model.safetensors", "README.md"):
                found = hf_hub_download("local/mulan-yo", path, endpoint=endpoint, cache_dir=tmp_path / "cache")
                assert (folder / path).read_bytes() == Path(found).read_bytes()
