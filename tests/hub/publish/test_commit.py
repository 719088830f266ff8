"""A commit applies its changes in order, and deletes files and folders at a bounded cost."""

from __future__ import annotations

import dataclasses

import pytest

from hub.errors import InvalidSource, UnknownFile
from hub.names import Digest
from hub.publish import commit
from hub.publish.checks import limits
from hub.publish.commit import Deletion, apply, check
from hub.records import File
from hub.registry import Registry
from hub.store import MemoryStore
from tests.builders.registry import a_revision, an_artifact


def files(*paths):
    return tuple(File(path, Digest("a" * 64), 1) for path in sorted(paths))


def head(*paths):
    return dataclasses.replace(a_revision(), files=files(*paths))


def paths_after(before, *changes):
    return [file.path for file in apply(head(*before), changes)]


def test_a_folder_is_deleted_with_everything_below_it_and_nothing_else():
    before = ("a", "a-b/c", "a/b", "a/c/d", "a0", "ab/c")
    assert paths_after(before, Deletion("a", is_folder=True)) == ["a", "a-b/c", "a0", "ab/c"]
    assert paths_after(before, Deletion("a/", is_folder=True)) == ["a", "a-b/c", "a0", "ab/c"]
    assert paths_after(before, Deletion("a")) == ["a-b/c", "a/b", "a/c/d", "a0", "ab/c"]


def test_changes_apply_in_order():
    [new] = files("a/new")
    assert paths_after(("a/b", "c"), Deletion("a", is_folder=True), new) == ["a/new", "c"]
    assert paths_after(("a/b", "c"), new, Deletion("a", is_folder=True)) == ["c"]
    assert paths_after(("a/b", "c"), Deletion("a/b"), *files("a/b"), Deletion("a", is_folder=True)) == ["c"]
    for again in (Deletion("a", is_folder=True), Deletion("a/b")):
        with pytest.raises(UnknownFile):
            apply(head("a/b", "c"), [Deletion("a", is_folder=True), again])


def test_deleting_many_folders_reads_the_paths_of_each_once(monkeypatch):
    looked_up = []
    genuine = commit.bisect_left
    monkeypatch.setattr(commit, "bisect_left", lambda *given: looked_up.append(1) or genuine(*given))
    changes = [Deletion(str(number), is_folder=True) for number in range(1000)]
    assert apply(head(*(f"{number}/{file}" for number in range(1000) for file in range(3))), changes) == ()
    assert len(looked_up) <= 4 * len(changes)


def test_a_revision_has_a_bounded_number_of_folders(monkeypatch, tmp_path):
    for module in (commit, limits):
        monkeypatch.setattr(module, "MAX_FOLDERS", 100)
    assert len(limits.folders_above(f"{number}/{'x/' * 400}y" for number in range(1000))) <= 100 + 401
    with pytest.raises(InvalidSource, match="more than 100 folders"):
        check(an_artifact(), files(f"{'x/' * 200}y"), (), Registry.open(tmp_path / "registry.db"), MemoryStore())
