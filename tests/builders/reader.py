"""A reader of a tutorial, who types its code blocks one after the other."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hub import plugins
from hub.cli import main
from tests.builders import ROOT
from tests.builders.processes import end

TUTORIALS = ROOT / "docs" / "tutorials"
EXAMPLES = TUTORIALS / "examples"
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"[\w-]+\.\w+")
TOKEN = re.compile(r"hf_lh_[\w-]{20,}")
ADDRESS = "http://127.0.0.1:8000"
PASSWORD = "a long password 77\n"


class Block(NamedTuple):
    """A fenced code block."""

    language: str
    """`bash`, `python`, or `text` for what the block before it prints."""
    title: str
    """Name of the file that it is, or for a block that is not run what it needs, such as a GPU."""
    text: str

    @property
    def is_file(self) -> bool:
        return FILE_NAME.fullmatch(self.title) is not None

    @property
    def is_run(self) -> bool:
        return not self.title and self.language in {"bash", "python"}

    @property
    def commands(self) -> list[str]:
        """Return the lines of a shell block, continued lines joined."""
        return [line for line in self.text.replace("\\\n", " ").splitlines() if line.strip()]


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page in order. A fence that is not understood is an error, not a block left out."""
    text = page.read_text(encoding="utf-8")
    found = [Block(*(part or "" for part in match.groups())) for match in FENCE.finditer(text)]
    assert 2 * len(found) == len(re.findall(r"^ *```", text, re.MULTILINE)), f"{page.name} has an unknown fence"
    return found


def install(package: Path, into: Path) -> None:
    """Copy a package of single files and write its entry points, as an installer does; no build backend is needed."""
    about = tomllib.loads((package / "pyproject.toml").read_text())
    project = about["project"]
    information = into / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name in about["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]:
        (into / name).write_text((package / name).read_text())


@dataclass
class Reader:
    """Runs blocks in a folder and compares what they print with the page."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    names: dict[str, Any] = field(default_factory=dict)
    """Variables of the Python session."""
    token: str = ""
    """The last token that was printed."""
    address: str = ADDRESS
    """Of the server that was started."""
    server: subprocess.Popen[str] | None = None

    def follow(self, page: Path) -> None:
        """Run all blocks of `page`. What a `text` block shows must be printed by the block before it."""
        found = blocks(page)
        for block, following in zip(found, [*found[1:], Block("", "", "")], strict=True):
            if block.is_file:
                self._write(block)
            if not block.is_run:
                continue
            shown = following.text if following.language == "text" else ""
            printed = self._run(block, may_fail="hub: " in shown)
            for line in filter(None, shown.splitlines()):
                assert self._matches(line, printed), f"{page.name} shows {line!r}; printed was:\n{printed}"

    def stop(self) -> None:
        """Stop the server, if one was started."""
        if self.server is not None:
            end(self.server)

    def _run(self, block: Block, *, may_fail: bool) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            if block.language == "python":
                exec(compile(self._filled(block.text), "<tutorial>", "exec"), self.names)
            else:
                for line in block.commands:
                    code = self._command(shlex.split(os.path.expandvars(self._filled(line)), comments=True), printed)
                    assert code == 0 or may_fail, f"`{line}` failed:\n{printed.getvalue()}"
                    self._remember(printed.getvalue())
        return printed.getvalue()

    def _command(self, words: list[str], printed: io.StringIO) -> int:
        """Run one command and return its exit code: in this process where that saves a start."""
        if words and words[0] == "export":
            for name, value in (each.split("=", 1) for each in words[1:]):
                self.monkeypatch.setenv(name, value)
            return 0
        count = next((place for place, each in enumerate(words) if not re.match(r"[A-Z_]+=", each)), len(words))
        settings, words = dict(each.split("=", 1) for each in words[:count]), words[count:]
        assert not settings or words == ["hub", "serve"], "only `hub serve` is run with variables of its own"
        match words:
            case []:
                return 0
            case ["pip", "install", package]:
                self._install(package)
                return 0
            case ["hub", "serve"]:
                printed.write(self._serve(settings))
                return 0
            case ["hub", *arguments]:
                self.monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD))
                return main(arguments)
            case ["python", script]:
                runpy.run_path(str(ROOT / script if script.startswith("docs/") else script))
                return 0
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}, timeout=300
        )
        printed.write(done.stdout + done.stderr)
        return done.returncode

    def _install(self, package: str) -> None:
        """Install a package of the examples, named by its folder from the root of the project."""
        source = ROOT / package
        assert source.is_relative_to(EXAMPLES)
        install(source, self.folder / "site" / source.name)
        self.monkeypatch.syspath_prepend(self.folder / "site" / source.name)
        plugins.advertised.cache_clear()

    def _serve(self, settings: dict[str, str]) -> str:
        """Start `hub serve` on a free port, and return what it prints before it is ready."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = str(listener.getsockname()[1])
        self.address = f"http://127.0.0.1:{port}"
        code = f"import sys; from hub.cli import main; sys.exit(main(['serve', '--port', '{port}']))"
        environment = {**os.environ, **settings, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        self.server = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        assert self.server.stdout is not None
        return "".join(self.server.stdout.readline() for _ in range(3))

    def _filled(self, text: str) -> str:
        """Put the server's address and the last token where the page has examples."""
        return text.replace(ADDRESS, self.address).replace("hf_lh_…", self.token)

    def _remember(self, printed: str) -> None:
        if tokens := TOKEN.findall(printed):
            self.token = tokens[-1]

    def _matches(self, line: str, printed: str) -> bool:
        """Whether a printed line is `line`: `…` stands for anything, and spaces are not counted."""
        line = " ".join(line.split()).replace(ADDRESS, self.address)
        wanted = ".*".join(map(re.escape, re.split(r" ?… ?", line)))
        return any(re.fullmatch(wanted, " ".join(each.split())) for each in re.split(r"[\n\r]", printed))

    def _write(self, block: Block) -> None:
        """Write a file that the page shows, or compare a part of one with the examples."""
        files = [each.read_text(encoding="utf-8") for each in EXAMPLES.rglob(block.title)]
        assert any(block.text in each for each in files), f"no example is the `{block.title}` that the page shows"
        if block.text in files:
            (self.folder / block.title).write_text(block.text, encoding="utf-8")


@contextlib.contextmanager
def reading(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader in `folder`, with an installation and a Hugging Face cache below it."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HUB_HOME", str(folder / "home"))
    monkeypatch.setenv("HF_HOME", str(folder / "hugging-face"))
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HUB_CARDS", "HUB_OWNER", "DATABASE_URL", "STORE_URL"):
        monkeypatch.delenv(name, raising=False)
    reader = Reader(folder, monkeypatch)
    try:
        yield reader
    finally:
        reader.stop()
        plugins.advertised.cache_clear()
