"""The worker of a server, and the commands that list pending jobs."""

import time

from starlette.testclient import TestClient

from hub.cli import main
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.outbox.queue import enqueue
from server.app import create_app
from server.worker import Worker
from tests.builders.artifacts import a_folder


def test_the_worker_runs_pending_jobs_and_stops_with_the_application(hub, tmp_path):
    publish(a_folder(tmp_path / "mulan-yo"), ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
    hub.store.delete_reference(ArtifactName("local", "mulan-yo"))
    with hub.registry.database.transaction() as session:
        enqueue(session, "write-reference", "local/mulan-yo")
    worker = Worker(hub, pause_s=0.01)
    with TestClient(create_app(hub, worker)):
        deadline = time.monotonic() + 30
        while hub.registry.jobs() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [subject for subject, _ in hub.store.references()] == ["local/mulan-yo"]
    assert worker._thread is not None and not worker._thread.is_alive()


def test_without_a_worker_no_jobs_run(hub):
    with hub.registry.database.transaction() as session:
        enqueue(session, "write-reference", "local/gone")
    with TestClient(create_app(hub)) as client:
        assert client.get("/api/v1/search").status_code == 200
    assert len(hub.registry.jobs()) == 1


def test_outbox_jobs_are_listed_retried_and_reported_by_the_doctor(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_HOME", str(hub.home.folder))
    monkeypatch.setenv("HUB_CARDS", str(tmp_path / "no-cards"))
    with hub.registry.database.transaction() as session:
        enqueue(session, "deliver-webhook", "0123")
    hub.registry.database.execute("UPDATE outbox SET given_up_at = due_at, attempts = 12, error = 'no answer'")
    assert main(["admin", "outbox"]) == 0
    assert capsys.readouterr().out == "deliver-webhook\t0123\t12\tfailed\tno answer\n"
    main(["doctor"])
    assert "1 failed" in capsys.readouterr().out
    assert main(["admin", "outbox", "--retry", "--task", "other"]) == 0
    assert capsys.readouterr().out == "0 jobs due now\n"
    main(["admin", "outbox", "--retry"])
    assert capsys.readouterr().out == "1 job due now\n"
