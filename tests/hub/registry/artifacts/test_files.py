"""Files and folders of a revision are found by path, page by page, in the same order on each database."""

from __future__ import annotations

import dataclasses
import random
from functools import partial

import pytest
from sqlalchemy import event

from hub.git_objects import blob_id, folder_ids, pointer
from hub.names import Digest
from hub.records import File, counted_files
from hub.registry.artifacts import history
from hub.registry.artifacts.files import (
    files_in,
    find_counted,
    find_files,
    find_folders,
    first_within,
    folders_in,
    paths_near,
)
from hub.registry.artifacts.history import last_changes
from tests.builders.registry import a_revision, an_artifact

PATHS = ("B", "a", "a-b/c", "a/b", "a/c/d", "a/c/é", "a0", "b/c", "z/config.json", "é/\U0001f600")
FIRST, SECOND, THIRD = ("1" * 64, "2" * 64, "3" * 64)


def record(registry, digit, files, parent=None):
    revision = dataclasses.replace(a_revision(digit=digit, parent=parent or ""), files=files)
    registry.record(an_artifact(), revision, parent)


def files_at(paths, digit="a"):
    return tuple(File(path, Digest(digit * 64), 5) for path in sorted(paths))


@pytest.fixture
def database(registry):
    record(registry, "1", files_at(PATHS))
    return registry.database


def pages(page, database, folder, *, recursive, size=2):
    found, after = [], ""
    while listed := page(database, FIRST, folder, recursive=recursive, after=after, limit=size):
        found += [each.path for each in listed]
        after = found[-1]
    return found


def test_pages_list_a_folder_or_everything_below_it_in_the_order_of_bytes(database):
    folders = folder_ids({file.path: blob_id(pointer(file)) for file in files_at(PATHS)})
    assert pages(files_in, database, "", recursive=True) == sorted(PATHS)
    assert pages(files_in, database, "", recursive=False) == ["B", "a", "a0"]
    assert pages(files_in, database, "a", recursive=False) == ["a/b"]
    assert pages(files_in, database, "a", recursive=True) == ["a/b", "a/c/d", "a/c/é"]
    assert pages(folders_in, database, "", recursive=True) == sorted(folders)
    assert pages(folders_in, database, "", recursive=False) == ["a", "a-b", "b", "z", "é"]
    assert pages(folders_in, database, "a", recursive=True) == ["a/c"]
    assert pages(folders_in, database, "absent", recursive=False) == []
    found = find_folders(database, FIRST, ["a", "a/b", "a/c", "absent"])
    assert {path: folder.oid for path, folder in found.items()} == {path: folders[path] for path in ("a", "a/c")}


@pytest.mark.parametrize("seed", range(8))
def test_a_commit_records_the_same_rows_whether_they_are_copied_from_its_parent_or_not(registry, seed):
    chance = random.Random(seed)
    paths = [f"{'/'.join(chance.choices('abc', k=depth))}/{name}" for depth in (1, 2, 3, 4) for name in range(5)] + [
        "x",
        "y",
    ]
    files = {path: chance.choice("ab") for path in chance.sample(paths, 12)}
    record(registry, "1", rows_of(files))
    for number in range(2, 7):
        for path in chance.sample(paths, chance.randint(1, 4)):
            files.pop(path, None) if chance.random() < 0.4 else files.update({path: chance.choice("abc")})
        folder_as_file = chance.choice("abc")
        if chance.random() < 0.3:
            files = {path: content for path, content in files.items() if not path.startswith(f"{folder_as_file}/")}
            files[folder_as_file] = "a"
        else:
            files.pop(folder_as_file, None)
        files = {
            path: content for path, content in files.items() if path.partition("/")[0] not in files or "/" not in path
        }
        record(registry, str(number), rows_of(files), str(number - 1) * 64)
        read = partial(registry.database.rows, values={"id": str(number) * 64})
        found = read("SELECT path, digest, size_bytes, folder, is_counted FROM files WHERE revision_id = :id")
        largest = counted_files(rows_of(files))
        assert sorted(tuple(row) for row in found) == sorted(
            (each.path, each.digest.hex, each.size_bytes, each.path.rpartition("/")[0], each.path in largest)
            for each in rows_of(files)
        )
        folders = read("SELECT path, oid, parent FROM folders WHERE revision_id = :id")
        whole = folder_ids({each.path: blob_id(pointer(each)) for each in rows_of(files)})
        assert {row["path"]: row["oid"] for row in folders} == whole
        assert all(row["parent"] == row["path"].rpartition("/")[0] for row in folders)


def rows_of(files):
    """Return files from their paths and the digits of their digests, with sizes that follow the digit."""
    return tuple(File(path, Digest(digit * 64), ord(digit)) for path, digit in sorted(files.items()))


def test_a_commit_of_one_file_inserts_few_rows(registry):
    files = {f"{number // 20}/{number}": "a" for number in range(2000)}
    record(registry, "1", rows_of(files))
    inserted = []

    def count(_connection, _cursor, statement, values, _context, many):
        if statement.startswith("INSERT"):
            inserted.append(len(values) if many else 1)

    event.listen(registry.database.engine, "before_cursor_execute", count)
    record(registry, "2", rows_of(files | {"7/140": "b"}), FIRST)
    assert sum(inserted) < 20
    assert len(registry.revision("mulan-yo").files) == 2000


def test_single_files_are_found_by_path(registry, database):
    found = find_files(database, FIRST, ["a/b", "a", "a/c", "absent"])
    assert sorted(found.values(), key=lambda each: each.path) == list(files_at(["a", "a/b"]))
    assert find_files(database, FIRST, []) == {}
    counted = {path: find_counted(database, FIRST, path) for path in (*PATHS, "absent")}
    assert [path for path, each in counted.items() if each and each[1]] == ["z/config.json"]
    assert {each[0] for each in counted.values() if each} == set(files_at(PATHS))
    assert registry.revision("mulan-yo", with_files=False).files == ()
    assert {"a", "a/b", "a/c/d"} <= set(paths_near(database, FIRST, "a/x"))
    assert {"a", "a/c"} <= set(paths_near(database, FIRST, "a/x", folders=True))


def test_a_number_of_files_holds_the_first_revisions_and_at_least_one(registry, database):
    record(registry, "2", files_at(["a", "b"]), FIRST)
    count = len(PATHS)
    for limit, expected in ((0, 1), (count, 1), (count + 1, 1), (count + 2, 2), (count + 100, 2)):
        assert first_within(database, [FIRST, SECOND], limit) == expected, limit


@pytest.mark.parametrize("step", [1, 2, 50])
def test_the_last_change_of_a_path_is_where_its_content_changed(registry, database, monkeypatch, step):
    monkeypatch.setattr(history, "_STEP", step)
    kept = [file for file in files_at(PATHS) if file.path not in {"a/c/d", "B"}]
    record(registry, "2", tuple(sorted([*kept, *files_at(["a/c/d"], "b")], key=lambda each: each.path)), FIRST)
    record(registry, "3", (*files_at(["B"]), *registry.revision("mulan-yo").files), SECOND)
    known = registry.revisions("mulan-yo", with_files=False)
    start = registry.revision("mulan-yo", with_files=False)
    found = last_changes(database, known, start, ["B", "a", "a/b", "a/c", "a/c/d", "b", "b/c"])
    assert {path: revision.id for path, revision in found.items()} == {
        "B": THIRD, "a": SECOND, "a/c": SECOND, "a/c/d": SECOND, "a/b": FIRST, "b": FIRST, "b/c": FIRST,
    }  # fmt: skip
    assert last_changes(database, known, start, []) == {}


def test_a_line_of_revisions_is_read_up_to_a_limit(registry):
    for digit, parent in (("1", None), ("2", FIRST), ("3", SECOND)):
        record(registry, digit, files_at(PATHS), parent)
    newest = registry.revision("local/mulan-yo", THIRD)
    assert [each.id for each in registry.line(newest, 10)] == [THIRD, SECOND, FIRST]
    assert [each.id for each in registry.line(newest, 2)] == [THIRD, SECOND]
    assert [each.id for each in registry.line(registry.revision("local/mulan-yo", SECOND), 10)] == [SECOND, FIRST]
    assert all(each.files == () for each in registry.line(newest, 10))
