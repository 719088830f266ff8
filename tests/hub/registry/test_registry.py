from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from hub.conditioning import Conditioning
from hub.errors import AllYanked, Conflict, InvalidName, InvalidRequest, UnknownArtifact, UnknownRevision
from hub.names import ArtifactName, Digest
from hub.records import Query, Signature, Upstream, Wheel
from hub.registry.accounts.permissions import Actor
from hub.registry.artifacts.aliases import set_alias
from hub.registry.artifacts.branches import create_ref
from hub.registry.artifacts.repositories import used_bytes
from tests.builders.artifacts import a_score
from tests.builders.registry import NOW, a_revision, an_artifact, fill

WHEEL = Wheel(
    name="some_e5-1.0-py3-none-any.whl", digest="b" * 64, file="some_e5/model.bin", file_digest="c" * 64, size_bytes=3
)


def test_recorded_artifacts_are_read_back_equal(registry):
    artifact = an_artifact(
        conditioning=Conditioning(width=4, length=None, mask=True), tags=("a", "b"), languages=("yo", "zh-Hant"), size_bytes=8,
        upstream=(Upstream(repository="a/b", file="c"), Upstream(repository="a/b", file="d", wheel=WHEEL)), scores=(a_score(), a_score(1e-05, low=None, high=None, seed=None)), weights_digest="w",
    )  # fmt: skip
    registry.record(artifact, a_revision(), None)
    found = registry.get("mulan-yo")
    assert found.revision == "1" * 64
    assert (found.created_at, found.updated_at) == (NOW, NOW)
    assert found == replace(artifact, revision=found.revision, created_at=NOW, updated_at=NOW)
    assert registry.revision("mulan-yo") == a_revision()


def test_a_bare_name_is_the_users_then_curated_then_the_only_one(registry):
    fill(
        registry,
        an_artifact("linguahub/one"),
        an_artifact("someone/two"),
        an_artifact("someone/three"),
        an_artifact("else/three"),
    )
    assert str(registry.get("one").name) == "linguahub/one"
    assert str(registry.get("two").name) == "someone/two"
    assert str(registry.get("ELSE/Three").name) == "else/three"
    with pytest.raises(InvalidRequest, match="`three` is ambiguous: use one of else/three, someone/three"):
        registry.get("three")
    registry.record(an_artifact("local/one"), a_revision("local/one", "e"), None)
    assert str(registry.get("one").name) == "local/one"


def test_an_unknown_name_suggests_similar_ones(registry):
    fill(registry, an_artifact("linguahub/mulan-sw"), an_artifact("linguahub/pea-hi"))
    with pytest.raises(UnknownArtifact, match="Did you mean `mulan-sw`") as raised:
        registry.get("mulan-sv")
    assert raised.value.exit_code == 2
    with pytest.raises(UnknownArtifact, match="Did you mean `linguahub/mulan-sw`"):
        registry.get("linguahub/mulan-se")


@pytest.mark.parametrize("name", ["../etc", "a/b/c", "a\0b", "", "/", "a/..", "api/x", "x" * 200, "a b"])
def test_an_invalid_name_is_refused(registry, name):
    with pytest.raises(InvalidName) as raised:
        registry.get(name)
    assert "\n" not in str(raised.value)


def test_a_second_revision_needs_the_first_as_its_parent(registry):
    registry.record(an_artifact(), a_revision(digit="1"), None)
    registry.record(an_artifact(summary="Better."), a_revision(digit="2", parent="1" * 64, days=1), "1" * 64)
    for parent in (None, "1" * 64, "3" * 64):
        with pytest.raises(Conflict, match="someone else pushed first"):
            registry.record(an_artifact(summary="Lost."), a_revision(digit="4"), parent)
    found = registry.get("mulan-yo")
    assert (found.summary, found.revision, found.created_at) == ("Better.", "2" * 64, NOW)
    assert found.updated_at == NOW + timedelta(days=1)
    assert [(each.number, each.id[0]) for each in registry.revisions("mulan-yo")] == [(2, "2"), (1, "1")]


def test_exactly_one_of_many_simultaneous_pushes_succeeds(registry):
    def push(number):
        try:
            registry.record(an_artifact(), a_revision(digit=f"{number:x}"), None)
        except Conflict:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(push, range(8))) == 1
    assert len(registry.revisions("mulan-yo")) == 1


def test_a_revision_is_found_by_ref_number_and_digits(registry):
    registry.record(an_artifact(), a_revision(digit="1"), None)
    registry.record(an_artifact(), a_revision(digit="b", parent="1" * 64), "1" * 64)
    for wanted, number in {"main": 2, "1": 1, "2": 2, "1" * 40: 1, "b" * 7: 2, "B" * 64: 2}.items():
        assert registry.revision("mulan-yo", wanted).number == number
    for wanted in ("b" * 6, "3", "dev", "../main", "", "c" * 40):
        with pytest.raises(UnknownRevision, match=r"List them with `hub show mulan-yo`\.$"):
            registry.revision("mulan-yo", wanted)


def test_an_id_or_the_digits_of_it_that_clients_know_give_a_revision_with_and_without_files(registry):
    signature = Signature(method="key", signer="laptop", verified=True, account="ada", fingerprint="f", reason="")
    registry.record(an_artifact(), replace(a_revision(digit="b"), signature=signature), None)
    registry.record(an_artifact("local/other"), a_revision("local/other", digit="c"), None)
    for wanted in ("b" * 64, "b" * 40):
        found = registry.revision(ArtifactName("LOCAL", "Mulan-YO"), wanted, with_files=False)
        assert found == replace(registry.revision("mulan-yo", wanted), files=())
        assert (str(found.artifact), found.signature) == ("local/mulan-yo", signature)
        with pytest.raises(UnknownRevision):
            registry.revision(ArtifactName("local", "other"), wanted, with_files=False)
    assert registry.revision(ArtifactName("local", "other"), "c" * 40, with_files=False).signature is None


def test_a_branch_or_alias_skips_yanked_revisions_and_a_pin_gives_them(registry):
    name = ArtifactName("local", "mulan-yo")
    for digit, parent in (("1", ""), ("2", "1" * 64), ("b", "2" * 64)):
        registry.record(an_artifact(), a_revision(digit=digit, parent=parent), parent or None)
    create_ref(registry.database, name, "v3", "b" * 64, Actor("ada"), kind="tag")
    set_alias(registry.database, name, "@stable", "b" * 64, Actor("ada"), may_administer=True)
    assert registry.yank(name, "main").number == 3
    assert registry.yank(name, "2").yanked
    for moving in ("main", "refs/heads/main", "@stable"):
        assert registry.revision(name, moving).number == 1
        assert registry.tip(name, moving).number == 3
    assert (registry.get(name).revision, registry.find(Query()).items[0].revision) == ("1" * 64, "1" * 64)
    for pin in ("v3", "refs/tags/v3", "3", "b" * 7, "b" * 64):
        assert registry.revision(name, pin).yanked, pin
    assert registry.head(name) == registry.refs(name)[0].revision == "b" * 64
    assert not registry.yank(name, "main", yanked=False).yanked
    assert registry.revision(name).number == 3


def test_a_branch_with_only_yanked_revisions_names_a_pin_that_works(registry):
    name = ArtifactName("local", "mulan-yo")
    registry.record(an_artifact(), a_revision(), None)
    registry.yank(name, "1")
    with pytest.raises(AllYanked, match=r"at `main` was yanked .* `hub pull local/mulan-yo --revision 1`\.$") as raised:
        registry.revision(name)
    assert (raised.value.status, "\n" in str(raised.value)) == (404, False)
    assert registry.revision(name, "1").yanked
    assert registry.get(name).revision == ""
    with pytest.raises(Conflict):
        registry.record(an_artifact(), a_revision(digit="2"), None)
    registry.record(an_artifact(), a_revision(digit="2", parent="1" * 64), "1" * 64)
    assert registry.revision(name).number == 2


def test_removing_an_artifact_leaves_no_trace(registry):
    fill(registry, an_artifact(), an_artifact("local/other"))
    registry.remove(ArtifactName("local", "mulan-yo"))
    registry.remove(ArtifactName("local", "mulan-yo"))
    assert registry.names() == ["local/other"]
    assert registry.find(Query(text="mulan-yo")).total == 0
    assert Digest("0" * 64) not in registry.blobs()
    registry.record(an_artifact(), a_revision(digit="f"), None)
    assert len(registry.get("mulan-yo").scores) == 1


def test_downloads_are_counted(registry):
    fill(registry, an_artifact())
    for _ in range(3):
        registry.count_download(ArtifactName("Local", "Mulan-Yo"))
    assert registry.get("mulan-yo").downloads == 3
    registry.record(an_artifact(), a_revision(digit="c"), "0" * 64)
    assert registry.get("mulan-yo").downloads == 3


def test_languages_and_names_are_listed(registry):
    fill(registry, an_artifact("a/x", languages=("yo", "sw")), an_artifact("b/y"))
    assert registry.languages() == {"yo": 2, "sw": 1}
    assert registry.names() == ["a/x", "b/y"]


def test_the_size_of_all_revisions_is_added_up_once_until_they_change(registry, monkeypatch):
    name = a_revision().artifact
    registry.record(an_artifact(), a_revision(), None)
    assert used_bytes(registry.database, name) == 8
    questions = []
    rows = type(registry.database).rows
    monkeypatch.setattr(
        type(registry.database), "rows", lambda self, sql, *more: questions.append(sql) or rows(self, sql, *more)
    )
    assert used_bytes(registry.database, name) == 8
    assert not any("files" in question for question in questions)
    registry.record(an_artifact(), a_revision(digit="2", parent="1" * 64), "1" * 64)
    assert used_bytes(registry.database, name) == 13
