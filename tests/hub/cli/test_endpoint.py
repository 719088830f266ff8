"""`--endpoint`: the same commands, the same output and the same errors, from another hub behind a real server."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.utils import disable_progress_bars

from hub.cli import main
from hub.conditioning import Conditioning
from hub.decoding import decode
from hub.errors import DamagedFile
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.publish.publish import drain_outbox, publish
from hub.registry.accounts.permissions import Actor
from hub.registry.scores.scores import Dispute
from tests.builders.artifacts import a_card, a_folder, a_score
from tests.builders.serving import serving

ROOT = Actor("root")


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """The hub behind the server: `ada/yo` has two revisions, `bob` doesn't have permission write there."""
    disable_progress_bars()
    folder = tmp_path_factory.mktemp("far")
    with LocalHub.open(Home(folder / "registry.db", folder, folder / "cards")) as opened:
        for name in ("ada", "bob"):
            opened.accounts.add(name, ROOT)
        base = a_card(
            kind="base", method="", bases=(), encoder="", scores=(), conditioning=Conditioning(width=128, length=16)
        )
        for name, card, seed in (
            ("linguahub/emoji-sd", base, 0), ("ada/yo", a_card(scores=(a_score(0.3),)), 0),
            ("ada/yo", a_card(summary="Better.", scores=(a_score(0.7), a_score(30.0, metric="fid", better="down"))), 1),
            ("ada/sw", a_card(languages=("sw",), scores=(a_score(0.5, language="sw"),)), 2),
        ):  # fmt: skip
            variants = () if card.kind == "base" else ("emoji-sd",)
            path = a_folder(folder / "work" / name, card, variants=variants, seed=seed)
            publish(path, ArtifactName.parse(name, ""), opened.registry, opened.store, message=f"Publish {name}")
        yield opened


@pytest.fixture(scope="module")
def endpoint(far: LocalHub) -> Iterator[str]:
    with serving(far) as address:
        yield address


@pytest.fixture
def hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], empty_registry: Path
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command in an empty home, or in `home`: exit code, output, complaints."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "home").mkdir()
    shutil.copy(empty_registry, tmp_path / "home" / "registry.db")

    def run(*arguments: str, home: Path = tmp_path / "home") -> tuple[int, str, str]:
        monkeypatch.setenv("HUB_HOME", str(home))
        monkeypatch.setenv("HUB_CARDS", str(home / "cards"))
        capfd.readouterr()
        code = main(arguments)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def as_(far: LocalHub, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def log_in(name: str) -> None:
        monkeypatch.setenv("HF_TOKEN", far.tokens.create(far.accounts.get(name), "write", ROOT))

    return log_in


@pytest.mark.parametrize(
    "command",
    [
        ("search",), ("search", "--json"), ("search", "--lang", "Yoruba"), ("search", "yoruba", "--kind", "adapter", "--limit", "1"),
        ("search", "--metric", "fid", "--max", "40", "--sort", "metric"), ("search", "nothing-like-this"), ("show", "ada/yo"),
        ("show", "yo", "--json"), ("show", "ada/yo", "--revision", "1"), ("show", "emoji-sd"), ("diff", "ada/yo", "1"),
        ("diff", "yo", "1", "2", "--json"), ("leaderboard", "emoji-generation", "r_precision_at_1"), ("alias", "ada/yo"),
        ("leaderboard", "emoji-generation", "r_precision_at_1", "--lang", "sw", "--json"), ("compare", "yo", "ada/sw"), ("compare", "yo", "ada/sw", "--json"), ("leaderboard",), ("search", "yorba"),
        ("parity",), ("parity", "--base", "emoji-sd", "--lang", "yo,sw"), ("recommend", "--base", "emoji-sd", "--lang", "yo,sw", "--need", "culture"),
        ("recommend", "--base", "emoji-sd", "--lang", "yo", "--budget", "100", "--max-vram", "8", "--json"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_endpoint_prints_the_same_as_its_own_installation(
    hub: Any, far: LocalHub, endpoint: str, command: tuple[str, ...]
):
    code, out, err = hub(*command, "--endpoint", endpoint)
    pull_first = [line for line in out.splitlines() if "HF_ENDPOINT=" in line]
    there = (
        code,
        out.replace("".join(f"{line}\n" for line in pull_first), "").replace(f" --endpoint {endpoint}", ""),
        err,
    )
    here = hub(*command, home=far.home.folder)
    assert there == here
    assert there[0] == 0
    assert there[1]


@pytest.mark.parametrize(
    "command", [("show", "ada/yoo"), ("show", "ada/yo", "--revision", "9"), ("search", "--metric", "fid", "--sort", "luck"),
    ("search", "--min", "0.5"), ("leaderboard", "none", "fid"), ("compare", "yo", "ada/yo"), ("compare", "yo", "yoo"), ("compare", "yo"), ("search", "--kind", "lora"), ("search", "--base", "emoji-sdd"), ("search", "--lang", "Yorubaa"), ("show", "ada/b c"),
    ("parity", "--base", "emoji-sdd"), ("recommend", "--base", "emoji-sdd", "--lang", "yo")], ids=" ".join,
)  # fmt: skip
def test_errors_are_the_same_too(hub: Any, far: LocalHub, endpoint: str, command: tuple[str, ...]):
    there = hub(*command, "--endpoint", endpoint)
    here = hub(*command, home=far.home.folder)
    assert there[0] == here[0] == 2
    assert there[2].splitlines() == here[2].splitlines()
    assert len(there[2].splitlines()) == 1


def test_commands_to_copy_name_the_server(hub: Any, endpoint: str):
    _, out, _ = hub("show", "ada/yo", "--endpoint", endpoint)
    assert f"hub pull ada/yo --endpoint {endpoint}" in out
    assert f"HF_ENDPOINT={endpoint}" in out
    assert f"hub show ada/yo --endpoint {endpoint} --card" in out


@pytest.mark.parametrize("address", ["hub.example", "ftp://hub.example", "http://", "http://a?b"])
def test_invalid_addresses_are_refused(hub: Any, address: str):
    assert hub("search", "--endpoint", address)[0] == 2


def test_an_answer_of_a_newer_server_is_read_and_one_that_lacks_something_is_refused():
    told = {"account": "ada", "reason": "too few", "at": "2026-01-02T03:04:05+00:00", "weight": 2}
    assert decode(Dispute, told) == Dispute("ada", "too few", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    for wrong in ({**told, "account": 7}, {**told, "at": "soon"}, {"account": "ada"}, "ada", None):
        with pytest.raises(DamagedFile, match="is not a valid dispute"):
            decode(Dispute, wrong)


def test_a_hub_that_is_not_there_is_one_line(hub: Any):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    code, _, complaint = hub("search", "--endpoint", f"http://127.0.0.1:{port}")
    assert code == 1
    assert complaint.startswith(f"hub: http://127.0.0.1:{port} does not respond")
    assert len(complaint.splitlines()) == 1


def test_a_pulled_revision_has_the_id_that_it_has_there(hub: Any, far: LocalHub, endpoint: str, tmp_path: Path):
    code, said, _ = hub("pull", "ada/yo", "--endpoint", endpoint)
    assert code == 0
    folder = Path(said.strip())
    there = far.registry.revision("ada/yo")
    assert folder.name == there.id[:40]
    weights = next(file.digest for file in there.files if file.path.endswith(".safetensors"))
    assert hashlib.sha256((folder / "emoji-sd" / "model.safetensors").read_bytes()).hexdigest() == weights.hex
    shown = json.loads(hub("show", "ada/yo", "--json")[1])
    assert (shown["revision"], shown["summary"]) == (there.id, "Better.")
    with LocalHub.open(tmp_path / "home") as here:
        from hub.registry.accounts.audit import read_audit

        (line,) = read_audit(here.registry.database, subject="ada/yo")
        assert (line.actor, line.address) == ("hub pull", endpoint)
        assert not (here.home.caches / "pull" / there.id[:40]).exists()
    assert hub("pull", "ada/yo", "--endpoint", endpoint)[1] == said
    assert hub("verify")[0] == 0


def test_an_older_revision_by_alias_is_pulled_beside_the_newest(
    hub: Any, far: LocalHub, endpoint: str, as_: Any, tmp_path: Path
):
    as_("ada")
    assert hub("alias", "ada/yo", "@old", "--revision", "1", "--endpoint", endpoint)[0] == 0
    hub("pull", "ada/yo", "--endpoint", endpoint)
    code, said, _ = hub("pull", "ada/yo", "--revision", "@old", "--to", str(tmp_path / "old"), "--endpoint", endpoint)
    assert (code, said.strip()) == (0, str(tmp_path / "old"))
    assert "Yoruba prompts for emoji-sd." in (tmp_path / "old" / "README.md").read_text()
    assert json.loads(hub("show", "ada/yo", "--json")[1])["revision"] == far.registry.revision("ada/yo").id
    assert hub("alias", "ada/yo", "@old", "--delete", "--endpoint", endpoint) == (0, "No aliases.\n", "")


def test_a_local_revision_is_not_replaced_by_one_of_the_endpoint(hub: Any, endpoint: str, tmp_path: Path):
    hub("push", str(a_folder(tmp_path / "sw", a_card(bases=()))), "--name", "ada/sw")
    code, _, complaint = hub("pull", "ada/sw", "--endpoint", endpoint)
    assert code == 1
    assert "was published locally" in complaint


def test_a_server_that_gives_other_bytes_is_found_out(
    hub: Any, far: LocalHub, endpoint: str, tmp_path: Path, monkeypatch: Any
):
    from hub.remote.client import Endpoint

    honest = Endpoint.read

    def lie(self: Endpoint, method: str, path: str, *rest: Any, **more: Any) -> bytes:
        answer = honest(self, method, path, *rest, **more)
        return answer.replace(b"Publish", b"Pablish") if path.endswith("/manifest") else answer

    monkeypatch.setattr(Endpoint, "read", lie)
    code, _, complaint = hub("pull", "ada/sw", "--endpoint", endpoint)
    assert code == 1
    assert "that does not match revision" in complaint
    assert hub("show", "ada/sw")[0] == 2


def test_a_push_makes_the_folder_the_newest_revision_there(
    hub: Any, far: LocalHub, endpoint: str, as_: Any, tmp_path: Path
):
    as_("ada")
    folder = a_folder(tmp_path / "new", variants=("emoji-sd", "sd15"))
    code, said, _ = hub("push", str(folder), "--endpoint", endpoint, "-m", "First")
    found = far.registry.revision("ada/new")
    assert (code, said) == (0, f"ada/new revision 2 ({found.id[:10]}), 6 files\n")
    (folder / "sd15" / "config.json").unlink()
    (folder / "sd15" / "model.safetensors").unlink()
    (folder / "notes.txt").write_text("more")
    assert hub("push", str(folder), "--endpoint", endpoint)[0] == 0
    assert [file.path for file in far.registry.revision("ada/new").files] == [
        ".gitattributes", "README.md", "emoji-sd/config.json", "emoji-sd/model.safetensors", "notes.txt",
    ]  # fmt: skip


def test_a_folder_that_would_be_refused_is_not_sent(hub: Any, far: LocalHub, endpoint: str, as_: Any, tmp_path: Path):
    as_("ada")
    folder = a_folder(tmp_path / "bad", a_card(bases=()))
    (folder / "tool").write_bytes(b"\x7fELF\x02\x01")
    there, here = hub("push", str(folder), "--endpoint", endpoint), hub("push", str(folder))
    assert there == here
    assert there[0] == 2
    assert "ada/bad" not in far.registry.names()


def test_a_push_without_write_access_is_refused(hub: Any, endpoint: str, as_: Any, tmp_path: Path):
    folder = str(a_folder(tmp_path / "x"))
    assert hub("push", folder, "--name", "ada/x", "--endpoint", endpoint)[0] == 1
    as_("bob")
    code, _, complaint = hub("push", folder, "--name", "ada/x", "--endpoint", endpoint)
    assert (code, len(complaint.splitlines())) == (1, 1)
    assert "`bob` doesn't have permission" in complaint
    assert hub("yank", "ada/yo", "1", "--reason", "no", "--endpoint", endpoint)[0] == 1


def test_a_yank_on_the_endpoint_can_be_undone(hub: Any, far: LocalHub, endpoint: str, as_: Any):
    as_("ada")
    assert (
        hub("yank", "ada/yo", "1", "--reason", "wrong", "--endpoint", endpoint)[1] == "ada/yo revision 1 is withdrawn\n"
    )
    assert far.registry.revision("ada/yo", "1").yanked
    assert (
        hub("yank", "ada/yo", "1", "--undo", "--endpoint", endpoint)[1] == "ada/yo revision 1 is no longer withdrawn\n"
    )


def test_a_pull_skips_yanked_revisions_and_warns_when_one_is_pinned(hub: Any, far: LocalHub, endpoint: str, as_: Any):
    as_("ada")
    newest = far.registry.revision("ada/yo")
    assert newest.id[:40] in hub("pull", "ada/yo", "--endpoint", endpoint)[1]
    hub("yank", "ada/yo", "main", "--reason", "wrong", "--endpoint", endpoint)
    chosen = far.registry.revision("ada/yo")
    assert chosen.number < newest.number
    code, folder, complaint = hub("pull", "ada/yo", "--endpoint", endpoint)
    assert (code, complaint) == (0, "")
    assert chosen.id[:40] in folder
    pinned = ("pull", "ada/yo", "--revision", newest.id[:12])
    said = "hub: revision 1 of `ada/yo` was yanked by its owner; it is used because it was pinned.\n"
    for command in ((*pinned, "--endpoint", endpoint), pinned):
        code, folder, complaint = hub(*command)
        assert (code, complaint) == (0, said)
        assert newest.id[:40] in folder
    hub("yank", "ada/yo", newest.id, "--undo", "--endpoint", endpoint)
    assert newest.id[:40] in hub("pull", "ada/yo", "--endpoint", endpoint)[1]
    assert newest.id[:40] in hub("pull", "ada/yo")[1]


def test_a_token_is_sent_only_to_the_endpoint(hub: Any, far: LocalHub, endpoint: str, as_: Any, monkeypatch: Any):
    from hub.errors import InvalidRequest
    from hub.remote.client import Endpoint

    as_("ada")
    seen = []

    class Elsewhere(threading.Thread):
        def __init__(self) -> None:
            super().__init__(daemon=True)
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

        def run(self) -> None:
            connection, _ = self.listener.accept()
            with connection:
                seen.append(connection.recv(65536))
                to = f"{endpoint}/api/v1/health/live"
                connection.sendall(
                    f"HTTP/1.1 307 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )

    elsewhere = Elsewhere()
    elsewhere.start()
    with pytest.raises(InvalidRequest, match="returned HTTP 307"):
        Endpoint(elsewhere.address).ask("GET", "/health/live")
    elsewhere.listener.close()
    assert b"Bearer" in seen[0]


@pytest.mark.parametrize("command", [("show",), ("pull",), ("diff", "1"), ("alias",), ("yank", "1", "--reason", "x")])
def test_a_private_name_of_the_endpoint_does_not_exist_for_others(
    hub: Any, far: LocalHub, endpoint: str, as_: Any, command: tuple[str, ...]
):
    name = ArtifactName("ada", "yo-hidden")
    create(name, far.registry, far.store, ROOT, private=True)
    as_("bob")
    asked = (command[0], str(name), *command[1:], "--endpoint", endpoint)
    private = hub(*asked)
    far.registry.remove(name)
    drain_outbox(far.registry, far.store)
    assert private == hub(*asked)
    assert private[0] == 2 and "no artifact is called `ada/yo-hidden`. Did you mean" in private[2]
