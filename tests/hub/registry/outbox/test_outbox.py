"""Outbox jobs run once, by one worker at a time, and are retried when they fail."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub.errors import Unreachable
from hub.maintenance.verify import verify
from hub.names import ArtifactName
from hub.publish.publish import publish
from hub.registry.outbox.queue import backlog, claim, complete, enqueue, jobs, retry, retry_later
from hub.registry.outbox.worker import PermanentFailure, Task, run_due
from tests.builders import ROOT
from tests.builders.artifacts import a_folder


def put(registry, *subjects, task="greet", **detail):
    with registry.database.transaction() as session:
        for subject in subjects:
            enqueue(session, task, subject, detail)


def a_task(run, **options):
    return Task("greet", run, **options)


def test_jobs_run_once_and_in_order(registry):
    put(registry, "a", "b", "c", words="hello")
    seen = []
    assert run_due(registry.database, [a_task(lambda job: seen.append((job.subject, job.detail["words"])))]) == 3
    assert seen == [("a", "hello"), ("b", "hello"), ("c", "hello")]
    assert jobs(registry.database) == []


def test_a_transaction_that_fails_enqueues_nothing(registry):
    def owe_and_fail():
        with registry.database.transaction() as session:
            enqueue(session, "greet", "a")
            session.flush()
            raise Unreachable("the disk is full.")

    with pytest.raises(Unreachable):
        owe_and_fail()
    assert jobs(registry.database) == []


def test_jobs_of_other_tasks_are_left_alone(registry):
    put(registry, "a", task="unknown")
    assert run_due(registry.database, [a_task(lambda _job: None)]) == 0
    assert [job.task for job in jobs(registry.database)] == ["unknown"]


def test_a_job_that_fails_waits_longer_each_time_and_is_given_up_with_its_last_error(registry):
    put(registry, "a")
    waits = []

    def fail(job):
        raise Unreachable(f"no answer at attempt {job.attempts}.")

    task = a_task(fail, max_attempts=4)
    for _ in range(4):
        assert run_due(registry.database, [task]) == 1
        assert run_due(registry.database, [task]) == 0, "it waits"
        [job] = jobs(registry.database)
        waits.append(job.due_at)
        registry.database.execute("UPDATE outbox SET due_at = '2020-01-01 00:00:00.000000'")
    assert job.error == "no answer at attempt 4."
    assert job.given_up_at is not None
    assert backlog(registry.database)["greet"].given_up == 1
    assert run_due(registry.database, [task]) == 0
    assert retry(registry.database) == 1
    assert run_due(registry.database, [a_task(lambda _job: None)]) == 1
    assert jobs(registry.database) == []


def test_waits_double_up_to_the_maximum_and_are_randomised():
    task = a_task(print, first_wait_s=10, max_wait_s=100, max_attempts=9)
    for attempts, longest in [(1, 10), (2, 20), (4, 80), (5, 100), (8, 100)]:
        drawn = {task.wait_s(attempts) for _ in range(50)}
        assert all(longest / 2 <= each <= longest for each in drawn)
        assert len(drawn) > 10
    assert task.wait_s(9) is None


def test_a_permanent_failure_is_given_up_at_once(registry):
    def refuse(_job):
        raise PermanentFailure("there is no such address")

    put(registry, "a")
    run_due(registry.database, [a_task(refuse)])
    [job] = jobs(registry.database)
    assert (job.attempts, job.error, job.given_up_at is not None) == (1, "there is no such address", True)


def test_a_claimed_job_is_not_claimed_again_until_the_claim_expires(registry):
    put(registry, "a")
    [mine] = claim(registry.database, "greet", 60)
    assert claim(registry.database, "greet", 60) == []
    registry.database.execute("UPDATE outbox SET claimed_until = '2020-01-01 00:00:00.000000'")
    [theirs] = claim(registry.database, "greet", 60)
    assert (theirs.id, theirs.attempts) == (mine.id, 2)
    complete(registry.database, mine)
    retry_later(registry.database, mine, "I was late", 5.0)
    [job] = jobs(registry.database)
    assert (job.claimed_until, job.error) == (theirs.claimed_until, ""), "who was late takes nothing from the follower"
    complete(registry.database, theirs)
    assert jobs(registry.database) == []


def test_jobs_of_one_subject_run_one_at_a_time_and_in_order(registry):
    put(registry, "a", "a", "b")
    first = claim(registry.database, "greet", 60, limit=10)
    assert [job.subject for job in first] == ["a", "b"]
    assert claim(registry.database, "greet", 60, limit=10) == []
    complete(registry.database, first[0])
    assert [job.subject for job in claim(registry.database, "greet", 60, limit=10)] == ["a"]


def test_one_run_completes_all_jobs_that_were_enqueued_before_it_and_none_later(registry):
    put(registry, "a", "a", "a")
    runs = []

    def write(job):
        if not runs:
            put(registry, "a")
        runs.append(job.id)

    assert run_due(registry.database, [a_task(write, coalesces=True)]) == 2
    assert jobs(registry.database) == []


def test_many_workers_run_each_job_once_and_no_subject_twice_at_a_time(registry):
    subjects = [f"s{number % 12}" for number in range(60)]
    put(registry, *subjects)
    done, busy, lock = [], set(), threading.Lock()

    def work(job):
        with lock:
            assert job.subject not in busy
            busy.add(job.subject)
        with lock:
            done.append(job.id)
            busy.remove(job.subject)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: run_due(registry.database, [a_task(work)]), range(6)))
    run_due(registry.database, [a_task(work)])  # A worker may leave while another holds the older debt of a subject.
    assert sorted(done) == sorted(set(done))
    assert len(done) == 60
    assert jobs(registry.database) == []


WORKER = """
import os, sys
from hub.registry.outbox.worker import Task, run_due
from hub.registry import Registry

def run(job):
    print(job.subject, flush=True)
    if job.subject == sys.argv[2]:
        os.kill(os.getpid(), 9)

run_due(Registry.open(sys.argv[1]).database, [Task("greet", run)])
"""


def test_the_job_of_a_killed_worker_is_run_by_another_when_the_claim_expires(registry):
    put(registry, "a", "b", "c")
    address = getattr(registry.database, "_url", registry.database.address)
    killed = subprocess.run([sys.executable, "-c", WORKER, address, "b"], capture_output=True, text=True, timeout=300)
    assert killed.stdout.split() == ["a", "b"], killed.stderr
    seen = []
    task = a_task(lambda job: seen.append((job.subject, job.attempts)))
    run_due(registry.database, [task])
    assert seen == [("c", 1)]
    registry.database.execute("UPDATE outbox SET claimed_until = '2020-01-01 00:00:00.000000'")
    run_due(registry.database, [task])
    assert seen == [("c", 1), ("b", 2)]


def test_a_reference_that_cannot_be_written_does_not_undo_the_push_and_is_written_with_the_next(
    hub, tmp_path, monkeypatch
):
    folder = a_folder(tmp_path / "mulan-yo")
    name = ArtifactName("local", "mulan-yo")

    def fail(*_):
        raise Unreachable("cannot write there: the disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(type(hub.store), "write_reference", fail)
        made = publish(folder, name, hub.registry, hub.store)
    assert hub.registry.head(name) == made.id
    [job] = hub.registry.jobs()
    assert job.error == "cannot write there: the disk is full."
    assert [problem.is_fault for problem in verify(hub.registry, hub.store) if "references" in problem.text] == [False]
    (folder / "README.md").write_text((folder / "README.md").read_text() + "\nMore.\n")
    publish(folder, name, hub.registry, hub.store)
    assert hub.registry.jobs() == []
    [(subject, content)] = hub.store.references()
    assert subject == str(name)
    assert made.id.encode() in content


def test_indexing_writes_references_that_were_given_up(hub, tmp_path):
    folder = a_folder(tmp_path / "mulan-yo")
    publish(folder, ArtifactName("local", "mulan-yo"), hub.registry, hub.store)
    hub.store.delete_reference(ArtifactName("local", "mulan-yo"))
    with hub.registry.database.transaction() as session:
        enqueue(session, "write-reference", "local/mulan-yo")
    hub.registry.database.execute("UPDATE outbox SET given_up_at = '2020-01-01 00:00:00.000000'")
    hub.index()
    assert [subject for subject, _ in hub.store.references()] == ["local/mulan-yo"]


def test_the_outbox_needs_no_tensor_library():
    script = "import sys, hub.registry.outbox.worker, hub.publish.publish; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=300).returncode == 0
