"""Files that can run code, where an administrator allows them, are scanned without being run, and marked."""

import gzip
import io
import os
import pickle
import pkgutil
from hashlib import sha256

import numpy as np
import pytest
from huggingface_hub.hf_api import RepoFile
from starlette.testclient import TestClient

from hub.cards.policy import kind_of
from hub.cli import main
from hub.names import ArtifactName
from hub.publish.checks.mark_files import mark_files
from hub.registry.accounts.file_policy import set_file_policy
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.repositories import allow_unsafe_files
from hub.registry.artifacts.scans import find_scan, mark_unsafe_files, scans_in
from hub.registry.outbox.worker import run_due
from server.app import create_app
from server.parts.scanning import scan as scanning
from server.parts.scanning import scanner_process
from server.parts.scanning.scan import rescan_outdated
from server.worker import tasks_of_worker
from tests.builders.archives import a_tar, a_zip
from tests.builders.server.commits import commit
from tests.builders.server.people import PASSWORD

ROOT = Actor("root")
REPO = ArtifactName("ada", "thing")


class Calls:
    """Return the call that unpickling would make."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def proof(tmp_path):
    """Return the path of a file that exists once anything was unpickled."""
    return tmp_path / "it-was-run"


@pytest.fixture
def crafted(proof):
    """Return the content and expected verdict of each file."""
    evil = Calls(os.system, f"touch {proof}")
    return {
        "system.pkl": (pickle.dumps(evil), "malicious"),
        "protocol-0.pkl": (pickle.dumps(evil, 0), "malicious"),
        "resolver.bin": (pickle.dumps(Calls(pkgutil.resolve_name, "os:system")), "malicious"),
        "nested.pkl": (pickle.dumps({"weights": pickle.dumps(evil)}), "malicious"),
        "torch.pt": (a_zip(**{"archive/data.pkl": pickle.dumps(evil, 2), "archive/version": b"3"}), "malicious"),
        "truncated.pkl": (pickle.dumps(evil)[:-3], "malicious"),
        "second.pkl": (pickle.dumps([1]) + pickle.dumps(evil), "malicious"),
        "harmless.pkl": (pickle.dumps({"a": [1, 2.5, "words"]}), "clean"),
        "no-pickle.bin": (b"just some words, really\n", "inconclusive"),
        "program.exe": (b"MZ\0\0" + bytes(200), "inconclusive"),
    }


@pytest.fixture
def client(hub):
    hub.accounts.add("ada", ROOT)
    hub.accounts.add("root", ROOT, is_admin=True)
    token = hub.tokens.create(hub.accounts.get("ada"), "write", ROOT)
    client = TestClient(create_app(hub), headers={"Authorization": f"Bearer {token}"})
    client.post("/api/repos/create", json={"name": "thing"})
    return client


@pytest.fixture
def allowed(hub, client):
    allow_unsafe_files(hub.registry.database, REPO, True, ROOT)
    return client


def work(hub):
    return run_due(hub.registry.database, tasks_of_worker(hub))


def verdict_of(path, content, folder):
    """Return the verdict about a file, from the program of the scanners without a separate process."""
    file = folder / path
    file.write_bytes(content)
    with file.open("rb") as opened:
        report = scanner_process.scan(opened, path, str(file))
    kind = kind_of(path, io.BytesIO(content), len(content))
    return scanning.worst_verdict(kind, [each["verdict"] for each in report.values()])


def test_crafted_files_get_their_verdicts_without_being_run(crafted, proof, tmp_path):
    assert {path: verdict_of(path, raw, tmp_path) for path, (raw, _) in crafted.items()} == {
        path: verdict for path, (_, verdict) in crafted.items()
    }
    assert not proof.exists()


def test_a_commit_is_scanned_by_a_process_for_each_file(hub, allowed, crafted, proof):
    members = {"docs/a.txt": b"words", "weights.pkl": crafted["system.pkl"][0]}
    chosen = {path: crafted[path] for path in ("resolver.bin", "torch.pt", "harmless.pkl", "program.exe")}
    chosen["evil.tar.gz"] = a_tar("w:gz", members), "malicious"
    assert commit(allowed, {path: raw for path, (raw, _) in chosen.items()}).status_code == 200
    before = scans_in(hub.registry.database, hub.registry.head(REPO))
    assert {path: scan.verdict for path, scan in before.items()} == dict.fromkeys(chosen, "unscanned")
    work(hub)
    after = scans_in(hub.registry.database, hub.registry.head(REPO))
    assert {path: scan.verdict for path, scan in after.items()} == {
        path: verdict for path, (_, verdict) in chosen.items()
    }
    assert not proof.exists()
    evidence = " ".join(after["resolver.bin"].evidence)
    assert "pkgutil.resolve_name" in evidence and "picklescan 1." in evidence and "modelaudit-picklescan 0." in evidence
    assert "in weights.pkl: " in " ".join(after["evil.tar.gz"].evidence)
    assert hub.registry.jobs() == []


def test_files_that_the_policy_refuses_are_not_scanned(hub, client, crafted):
    set_file_policy(hub.registry.database, "ada", "safetensors-only", ROOT)
    for path in ("system.pkl", "torch.pt", "program.exe"):
        refused = commit(client, {path: crafted[path][0]})
        assert refused.status_code == 400 and "hub admin file policy scan --owner ada" in refused.json()["error"]
    assert hub.registry.jobs() == []


def test_malicious_files_are_not_served_until_an_administrator_allows_them(
    hub, client, crafted, proof, capsys, monkeypatch
):
    assert commit(client, {path: crafted[path][0] for path in ("system.pkl", "harmless.pkl")}).status_code == 200
    files = [f"/ada/thing/resolve/main/{path}" for path in ("system.pkl", "harmless.pkl")]
    assert [client.get(path).status_code for path in files] == [200, 200]
    work(hub)
    assert [client.get(path).status_code for path in files] == [403, 200]
    refused = client.get(files[0])
    digest = sha256(crafted["system.pkl"][0]).hexdigest()
    assert f"hub admin file allow {digest}" in refused.json()["error"] and "ignore_patterns" in refused.json()["error"]
    assert refused.content.find(b"posix") == -1
    assert client.head(files[0]).status_code == 403 and digest in client.head(files[0]).headers["x-error-message"]
    lfs = {"operation": "download", "objects": [{"oid": digest, "size": len(crafted["system.pkl"][0])}]}
    link = client.post("/ada/thing.git/info/lfs/objects/batch", json=lfs).json()["objects"][0]["actions"]["download"][
        "href"
    ]
    assert client.get(link).status_code == 403
    assert "malicious, not served" in client.get("/ada/thing").text
    assert commit(client, {"again.pkl": crafted["system.pkl"][0]}).status_code == 200
    assert client.get("/ada/thing/resolve/main/again.pkl").status_code == 403, "the same bytes under another name"
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(hub.home.folder / "no-cards"))
    assert main(["admin", "file", "list"]) == 0
    listed = capsys.readouterr().out
    assert digest in listed and "not served" in listed and "ada/thing" in listed and "posix.system" in listed
    assert main(["admin", "file", "allow", digest]) == 0
    assert client.get(files[0]).content == crafted["system.pkl"][0]
    assert "malicious, allowed by" in client.get("/ada/thing").text
    assert rescan_outdated(hub.registry.database, "picklescan 99") == 2, "newer scanners look again"
    work(hub)
    assert client.get(files[0]).status_code == 200, "an administrator decided about these bytes"
    assert main(["admin", "file", "allow", digest, "--forbid"]) == 0
    assert client.get(files[0]).status_code == 403
    assert not proof.exists()


def test_administrators_allow_malicious_files_on_a_page(hub, client, crafted, browse):
    commit(client, {"system.pkl": crafted["system.pkl"][0]})
    work(hub)
    digest = sha256(crafted["system.pkl"][0]).hexdigest()
    root, ada = browse(), browse()
    for browser, name in ((root, "root"), (ada, "ada")):
        hub.accounts.set_password(name, PASSWORD, ROOT)
        assert browser.log_in(name).status_code == 303
    assert ada.get("/administration/files").status_code == 403
    assert "system.pkl" in root.get("/administration/files").text and "/administration" in root.get("/settings").text
    assert ada.send("/settings", f"/administration/files/{digest}", {"allowed": "yes"}).status_code == 403
    assert client.get("/ada/thing/resolve/main/system.pkl").status_code == 403
    assert root.send("/administration/files", f"/administration/files/{digest}", {"allowed": "yes"}).status_code == 303
    assert "allowed by root" in root.get("/administration/files").text
    assert client.get("/ada/thing/resolve/main/system.pkl").status_code == 200
    assert root.send("/administration/files", f"/administration/files/{digest}", {"allowed": "no"}).status_code == 303
    assert client.get("/ada/thing/resolve/main/system.pkl").status_code == 403


def test_a_registry_that_was_rebuilt_marks_the_files_of_all_revisions_again(hub, client, crafted):
    commit(client, {"system.pkl": crafted["system.pkl"][0]})
    commit(client, {"system.pkl": crafted["harmless.pkl"][0]})
    hub.registry.database.execute("DELETE FROM scans")
    revisions = hub.registry.revisions(REPO)
    mark_files({file for each in revisions for file in each.files}, hub.registry, hub.store)
    work(hub)
    assert client.get(f"/ada/thing/resolve/{revisions[1].id}/system.pkl").status_code == 403
    assert client.get("/ada/thing/resolve/main/system.pkl").status_code == 200


def test_archives_have_a_badge_of_their_own(hub, client):
    commit(client, {"rows.jsonl.gz": b"\x1f\x8b\x08\x00"})
    page = client.get("/ada/thing").text
    assert "archives: not scanned yet" in page and "can run code:" not in page


def test_pages_and_api_show_scan_results(hub, allowed, crafted, monkeypatch, tmp_path, capsys):
    commit(allowed, {path: crafted[path][0] for path in ("system.pkl", "harmless.pkl")} | {"notes.txt": b"hello"})
    page = allowed.get("/ada/thing").text
    assert "can run code: not scanned yet" in page and "cannot prove a file is safe" in page
    assert "can run code: not scanned yet" in allowed.get("/").text
    info = allowed.get("/api/models/ada/thing", params={"securityStatus": "true"}).json()["securityRepoStatus"]
    assert info == {"scansDone": False, "filesWithIssues": []}
    work(hub)
    page = allowed.get("/ada/thing").text
    assert "can run code: malicious" in page and "posix.system (dangerous)" in page and "nothing found" in page
    assert "can run code: malicious" in allowed.get("/").text
    entries = {each["path"]: each for each in allowed.get("/api/models/ada/thing/tree/main").json()}
    known = {path: RepoFile(**entry).security for path, entry in entries.items()}
    assert (known["system.pkl"].status, known["system.pkl"].safe) == ("unsafe", False)
    assert known["harmless.pkl"].status == "caution", "no list of names can prove that a pickle is safe"
    assert known["notes.txt"] is None
    imports = known["system.pkl"].pickle_import_scan["pickleImports"]
    assert imports == [{"module": "posix", "name": "system", "safety": "dangerous"}]
    [entry] = allowed.post("/api/models/ada/thing/paths-info/main", json={"paths": ["system.pkl"]}).json()
    assert entry["securityFileStatus"]["status"] == "unsafe"
    info = allowed.get("/api/models/ada/thing", params={"securityStatus": "true"}).json()["securityRepoStatus"]
    assert info["scansDone"] is True
    assert {"path": "system.pkl", "level": "unsafe"} in info["filesWithIssues"]
    ours = allowed.get("/api/v1/artifacts/ada/thing/security").json()
    assert (ours["allow_unsafe_files"], ours["verdict"], ours["verified_by"]) == (True, "malicious", "")
    assert [(each["path"], each["kind"], each["verdict"]) for each in ours["unsafe_files"]] == [
        ("harmless.pkl", "pickle", "clean"), ("system.pkl", "pickle", "malicious"),
    ]  # fmt: skip
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    assert main(["show", "ada/thing"]) == 0
    shown = capsys.readouterr().out
    assert "system.pkl: pickle, malicious" in shown and "harmless.pkl: pickle, nothing found" in shown


def test_an_ordinary_repository_has_no_badge(hub, client):
    commit(client, {"notes.txt": b"hello"})
    assert "can run code" not in client.get("/ada/thing").text + client.get("/").text
    assert client.get("/api/v1/artifacts/ada/thing/security").json()["unsafe_files"] == []


def test_a_blob_is_scanned_once_and_again_with_newer_scanners(hub, allowed, crafted, monkeypatch):
    raw = crafted["harmless.pkl"][0]
    looked = []
    monkeypatch.setattr(scanning, "scan_blob", lambda _store, scan: (looked.append(scan.name), ("clean", {}))[1])
    commit(allowed, {"a.pkl": raw})
    work(hub)
    commit(allowed, {"b.pkl": raw})
    work(hub)
    assert looked == ["a.pkl"]
    assert rescan_outdated(hub.registry.database, scanning.scanners()) == 0
    monkeypatch.setattr(scanning, "scanners", lambda: "picklescan 99")
    assert rescan_outdated(hub.registry.database, "picklescan 99") == 1
    assert rescan_outdated(hub.registry.database, "picklescan 99") == 0
    work(hub)
    assert looked == ["a.pkl", "a.pkl"]
    [scan] = {each.digest: each for each in scans_in(hub.registry.database, hub.registry.head(REPO)).values()}.values()
    assert scan.scanner == "picklescan 99"


def test_a_scanner_that_hangs_or_crashes_returns_no_clean_verdict(hub, tmp_path, monkeypatch):
    from hub.records import File

    digest, size = hub.store.put(b"x")
    mark_unsafe_files(hub.registry.database, [(File("x.pkl", digest, size), "pickle")])
    program = tmp_path / "scanner_process.py"
    monkeypatch.setattr(scanning, "_PROGRAM", program)
    flagged = find_scan(hub.registry.database, digest)
    program.write_text("import os; os.abort()")
    verdict, report = scanning.scan_blob(hub.store, flagged)
    assert verdict == "inconclusive" and "ended without a report" in str(report)
    program.write_text("while True: pass")
    monkeypatch.setattr(scanning, "TIMEOUT_S", 0.3)
    verdict, report = scanning.scan_blob(hub.store, flagged)
    assert verdict == "inconclusive" and "took longer" in str(report)


def test_the_scanner_process_has_limits_and_an_empty_environment(hub, tmp_path, monkeypatch):
    from hub.records import File

    digest, size = hub.store.put(b"x")
    mark_unsafe_files(hub.registry.database, [(File("x.pkl", digest, size), "pickle")])
    monkeypatch.setenv("DATABASE_URL", "postgresql://hub:secret@db/hub")
    program = tmp_path / "scanner_process.py"
    program.write_text(
        "import json, os, sys; print(json.dumps({'it': {'verdict': 'clean', 'reason': repr((dict(os.environ), sys.flags.isolated))}}))"
    )
    monkeypatch.setattr(scanning, "_PROGRAM", program)
    _, report = scanning.scan_blob(hub.store, find_scan(hub.registry.database, digest))
    assert "secret" not in str(report) and ", 1)" in str(report)
    monkeypatch.setattr(scanner_process, "_picklescan", lambda *_: bytearray(4 << 30))
    assert scanner_process._run(lambda: 1 / 0) == {
        "verdict": "failed",
        "reason": "ZeroDivisionError: division by zero",
    }


def test_pickles_in_archives_get_the_verdict_that_they_get_outside(crafted, proof, tmp_path):
    evil, harmless = crafted["system.pkl"][0], crafted["harmless.pkl"][0]
    array = io.BytesIO()
    np.save(array, np.array([Calls(os.system, f"touch {proof}")], dtype=object), allow_pickle=True)
    members = {"docs/a.txt": b"words", "weights.pkl": evil}
    files = {
        "evil.tar": (a_tar("w", members), "malicious"),
        "evil.tar.gz": (a_tar("w:gz", members), "malicious"),
        "evil.tar.bz2": (a_tar("w:bz2", members), "malicious"),
        "evil.tar.xz": (a_tar("w:xz", members), "malicious"),
        "evil.zip": (a_zip(**members), "malicious"),
        "hidden-name.tar.gz": (a_tar("w:gz", {"photo.jpg": evil}), "malicious"),
        "protocol-0.tar.gz": (a_tar("w:gz", {"a.pkl": crafted["protocol-0.pkl"][0]}), "malicious"),
        "torch.tar.gz": (a_tar("w:gz", {"a.pt": crafted["torch.pt"][0]}), "malicious"),
        "tar-in-zip.zip": (a_zip(**{"a.tar.gz": a_tar("w:gz", members)}), "malicious"),
        "evil.pkl.gz": (gzip.compress(evil), "malicious"),
        "objects.npz": (a_zip(**{"a.npy": array.getvalue()}), "malicious"),
        "last-of-many.tar": (
            a_tar("w", {f"{number}.txt": b"words" for number in range(300)} | {"z.pkl": evil}),
            "malicious",
        ),
        "harmless.tar.gz": (a_tar("w:gz", {"docs/a.txt": b"words", "weights.pkl": harmless}), "clean"),
        "harmless.zip": (a_zip(**{"weights.pkl": harmless}), "clean"),
        "rows.jsonl.gz": (gzip.compress(b'{"a": 1}'), "clean"),
        "program.tar.gz": (a_tar("w:gz", {"run": b"\x7fELF" + bytes(600)}), "inconclusive"),
        "deep.zip": (a_zip(**{"a.zip": a_zip(**{"b.zip": a_zip(**{"c.pkl": harmless})})}), "inconclusive"),
        "cut.tar.gz": (a_tar("w:gz", {"weights.pkl": harmless})[:-20], "inconclusive"),
        "unread.tar.zst": (b"\x28\xb5\x2f\xfd" + bytes(50), "inconclusive"),
    }
    assert {path: verdict_of(path, raw, tmp_path) for path, (raw, _) in files.items()} == {
        path: verdict for path, (_, verdict) in files.items()
    }
    assert not proof.exists()
    report = scanner_process.scan(io.BytesIO(files["deep.zip"][0]), "deep.zip")
    assert "inside an archive inside an archive" in str(report)


def test_an_archive_beyond_a_limit_is_inconclusive_unless_something_malicious_was_found_before(monkeypatch, crafted):
    evil, harmless = crafted["system.pkl"][0], crafted["harmless.pkl"][0]

    def verdicts(content):
        report = scanner_process.scan(io.BytesIO(content), "a.tar.gz")
        return {each["verdict"] for each in report.values()}, " ".join(
            each.get("reason", "") for each in report.values()
        )

    many = {f"{number}.pkl": harmless for number in range(30)}
    for limit, value, reason in (
        ("MAX_MEMBERS", 20, "more than 20 members"),
        ("MAX_BYTES", 10_000, "more than 0 GiB"),
        ("MAX_MEMBER_BYTES", 40, "has more than 0 MiB"),
        ("READING_S", -1.0, "took more than"),
    ):
        assert verdicts(a_tar("w:gz", many)) == ({"clean"}, " ")
        with monkeypatch.context() as patched:
            patched.setattr(scanner_process, limit, value)
            found, why = verdicts(a_tar("w:gz", many))
            assert found == {"inconclusive"} and reason in why, limit
    monkeypatch.setattr(scanner_process, "MAX_MEMBERS", 20)
    found, why = verdicts(a_tar("w:gz", {"first.pkl": evil} | many))
    assert found == {"malicious"} and "more than 20 members" in why


@pytest.mark.parametrize(
    ("kind", "verdicts", "expected"),
    [
        ("pickle", ["clean", "clean"], "clean"),
        ("pickle", ["clean", "malicious"], "malicious"),
        ("pickle", ["suspicious", "failed"], "suspicious"),
        ("pickle", ["clean", "inconclusive"], "inconclusive"),
        ("pickle", ["clean", "failed"], "inconclusive"),
        ("program", ["clean", "clean"], "inconclusive"),
    ],
)
def test_the_worst_verdict_counts_and_inconclusive_is_not_clean(kind, verdicts, expected):
    assert scanning.worst_verdict(kind, verdicts) == expected
