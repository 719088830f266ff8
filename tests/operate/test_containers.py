"""The files in deploy/ are valid, and what they start works together: run as processes, without containers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from dockerfile_parse import DockerfileParser
from huggingface_hub import HfApi
from huggingface_hub.utils import disable_progress_bars

from benchmarks.serving import serving
from hub.cli.commands import program
from tests.builders import ROOT, postgres
from tests.operate import nginx

DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def instructions(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the instructions of the container file, without comments."""
    file = tmp_path_factory.mktemp("parsed") / "Dockerfile"
    file.write_text((DEPLOY / "Containerfile").read_text(encoding="utf-8"))
    return [each for each in DockerfileParser(str(file)).structure if each["instruction"] != "COMMENT"]


def values(instructions: list[dict[str, Any]], name: str) -> list[str]:
    return [each["value"] for each in instructions if each["instruction"] == name]


def test_the_compose_file_matches_the_specification():
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml")]
    checked = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=120)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_variable_has_a_line_in_the_example_and_no_file_holds_a_secret(compose):
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    used = set(VARIABLE.findall((DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert used == set(example)
    assert {value for name, value in example.items() if SECRET.search(name)} == {""}
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            assert not SECRET.search(name) or value.startswith("${"), name


def test_images_are_pinned_and_the_server_runs_without_rights(compose, instructions):
    images = [
        *values(instructions, "FROM"),
        *(each["image"] for each in compose["services"].values() if "build" not in each),
    ]
    for image in images:
        assert re.search(r":[\w.-]*\d[\w.-]*( AS \w+)?$", image), f"{image} has no version"
    assert len(values(instructions, "FROM")) == 2, "tools that build are not in the image"
    assert values(instructions, "USER")[-1] not in {"root", "0"}
    assert not [each for each in values(instructions, "ENV") + values(instructions, "ARG") if SECRET.search(each)]
    for name in ("server", "worker"):
        assert compose["services"][name]["cap_drop"] == ["ALL"]


def test_copied_files_exist_and_reach_the_builder(instructions):
    ignore = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").split()
    for line in values(instructions, "COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignore, source


def test_the_extras_of_the_images_exist(compose, instructions):
    known = re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    default = next(each for each in values(instructions, "ARG") if each.startswith("EXTRAS=")).partition("=")[2]
    for extras in (default, compose["services"]["worker"]["build"]["args"]["EXTRAS"]):
        assert set(extras.split(",")) <= set(known)


def test_commands_and_variables_of_the_containers_exist(compose, instructions):
    hub = program()
    server, worker = compose["services"]["server"], compose["services"]["worker"]
    for words in (json.loads(values(instructions, "CMD")[-1]), server["command"], worker["command"]):
        command, rest = hub, words
        while (
            rest
            and hasattr(command, "commands" if command is not hub else "get_command")
            and not rest[0].startswith("-")
        ):
            command, rest = command.get_command(None, rest[0]), rest[1:]
        command.make_context(words[0], list(rest))
    documented = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    for name in server["environment"]:
        assert f"`{name}`" in documented or f"`{name}=" in documented, name
    [probe] = values(instructions, "HEALTHCHECK")
    assert "/api/v1/health/ready" in probe


@pytest.mark.skipif(nginx.PROGRAM is None, reason=nginx.ABSENT)
@pytest.mark.skipif(sys.platform != "linux", reason="reads processes from /proc")
def test_server_database_store_and_nginx_work_together(compose, cluster: str, bucket: str, s3: str, tmp_path: Path):
    disable_progress_bars()
    service, port = compose["services"]["server"], nginx.free_port()
    options = service["command"][1:]
    options[options.index("--workers") + 1] = "1"  # Four would only take longer to start.
    variables = {name: value for name, value in service["environment"].items() if name.startswith("AWS_")}
    variables |= {
        "DATABASE_URL": postgres.a_database(cluster),
        "STORE_URL": bucket,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
    }
    with ExitStack() as stack:
        # The server reaches the store through nginx, which therefore starts first, as in the compose file.
        own_port = nginx.free_port()
        site = nginx.replace_parts(
            (DEPLOY / "nginx.conf").read_text(encoding="utf-8"),
            ("resolver 127.0.0.11 valid=5s;", ""),
            ("server server:8000 resolve;", f"server 127.0.0.1:{own_port};"),
            ("store:9000", urlsplit(s3).netloc),
        )
        for name, value in (("PORT", str(port)), ("HUB_HOST", "127.0.0.1"), ("STORE_HOST", "localhost")):
            site = site.replace(f"${{{name}}}", value)
        stack.enter_context(nginx.nginx_with(site, port))
        server = stack.enter_context(serving(tmp_path, *options, "--port", str(own_port), **variables))
        api = HfApi(endpoint=f"http://127.0.0.1:{port}", token=server.secret)
        api.create_repo("admin/module")
        weights = bytes(range(256)) * 50_000
        api.upload_file(path_or_fileobj=weights, path_in_repo="weights.bin", repo_id="admin/module")
        found = Path(api.hf_hub_download("admin/module", "weights.bin", cache_dir=tmp_path / "cache"))
        assert found.read_bytes() == weights
        answer = httpx.head(f"{api.endpoint}/admin/module/resolve/main/weights.bin", headers=api._build_hf_headers())
        assert urlsplit(answer.headers["location"]).netloc == f"localhost:{port}", (
            "clients download from the store, through nginx"
        )
    assert "Traceback" not in (tmp_path / "server.log").read_text()
