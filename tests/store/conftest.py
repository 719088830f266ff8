import os
import secrets
import subprocess
import sys
import urllib.request

import pytest

SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
"""


@pytest.fixture(scope="session")
def s3():
    """The address of moto's S3 server, a process of its own that ends with the session."""
    pytest.importorskip("moto", reason="moto is not installed: `make test` installs it with the extra `dev`")
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    running = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **keys},
    )
    with running:
        yield f"http://127.0.0.1:{int(running.stdout.readline())}"
        running.kill()


@pytest.fixture
def bucket(s3, monkeypatch):
    """The URL of an empty bucket, and the variables that lead there."""
    name = f"hub-{secrets.token_hex(6)}"
    urllib.request.urlopen(urllib.request.Request(f"{s3}/{name}", method="PUT")).close()
    for variable, value in {
        "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": s3,
        "AWS_ALLOW_HTTP": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(variable, value)
    return f"s3://{name}/some/prefix"
