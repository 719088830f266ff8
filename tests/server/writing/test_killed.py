"""A server that is killed at any moment of an upload has lost nothing that it confirmed, and the upload can be repeated."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi
from safetensors.numpy import save

from hub.home import Home
from hub.local import LocalHub
from hub.registry import verify

ROUNDS = 4
SERVE = [sys.executable, "-c", "import sys; from hub.cli import main; sys.exit(main(['serve', '--port', '0']))"]


@pytest.mark.slow
def test_a_server_killed_during_uploads_has_no_fault_afterwards(tmp_path: Path):
    environment = os.environ | {
        "HUB_HOME": str(tmp_path),
        "HUB_CARDS": str(tmp_path / "cards"),
        "PYTHONUNBUFFERED": "1",
    }
    secret, confirmed = "", dict[str, bytes]()
    chance = random.Random(5)

    def upload(api: HfApi, number: int) -> None:
        content = save({"weight": np.full(200_000, number, dtype=np.float32)})
        api.create_repo("admin/module", exist_ok=True)
        api.upload_file(path_or_fileobj=content, path_in_repo=f"{number}.safetensors", repo_id="admin/module")
        confirmed[f"{number}.safetensors"] = content

    for number in range(ROUNDS):
        with subprocess.Popen(
            SERVE, env=environment, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        ) as server:
            assert server.stdout is not None
            address = re.search(r"http://[\d.:]+", server.stdout.readline())
            assert address is not None
            secret = secret or server.stdout.readline().split()[-1]
            api = HfApi(endpoint=address[0], token=secret)
            upload(api, number)
            killer = threading.Thread(target=lambda: (time.sleep(chance.uniform(2, 6)), server.kill()))
            killer.start()
            script = (
                "import sys; from huggingface_hub import HfApi; import numpy as np; from safetensors.numpy import save\n"
                "api = HfApi(endpoint=sys.argv[1], token=sys.argv[2])\n"
                "for n in range(100, 1000): api.upload_file(path_or_fileobj=save({'weight': np.full(20_000, n, dtype=np.float32)}), "
                "path_in_repo=f'{n}.safetensors', repo_id='admin/module')"
            )
            with subprocess.Popen(
                [sys.executable, "-c", script, address[0], secret], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as client:
                killer.join()
                client.kill()
    with LocalHub.open(Home(tmp_path / "registry.db", tmp_path, tmp_path / "cards")) as hub:
        assert [each.text for each in verify(hub.registry, hub.store) if each.is_fault] == []
        held = {file.path: file.digest for file in hub.registry.revision("admin/module").files}
        assert len(held) > len(confirmed), "killed while the other client was writing"
        for path, content in confirmed.items():
            with hub.store.open(held[path]) as opened:
                assert opened.read() == content
