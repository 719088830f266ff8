"""Owners are accounts or names that artifacts have; private artifacts of others are not counted."""

from __future__ import annotations

import pytest

from hub.catalogue.owner_facts import find_owner
from hub.errors import UnknownAccount
from hub.home import Home
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish.commit import create
from hub.registry.accounts.permissions import Actor
from tests.builders.server.people import ROOT, add_people


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owners")
    with LocalHub.open(Home(folder / "registry.db", folder, folder / "cards")) as opened:
        add_people(opened, "ada", "bob")
        for name, private in (("lab/open", False), ("lab/secret", True), ("bob/secret", True), ("stranger/one", False)):
            create(ArtifactName.parse(name, ""), opened.registry, opened.store, Actor("ada"), private=private)
        yield opened


def owner(hub, name, readers=()):
    return find_owner(hub.registry, hub.accounts, name, readers)


def test_an_organisation_has_members_and_the_artifacts_that_a_reader_can_see(hub):
    found = owner(hub, "LAB")
    assert (found.name, found.full_name, found.kind) == ("lab", "The lab", "organisation")
    assert [(each.name, each.role) for each in found.members] == [("ada", "admin")]
    assert found.total == 1
    assert [line.artifact for each in found.artifacts for line in each.artifacts] == ["lab/open"]
    assert owner(hub, "lab", ("lab",)).total == 2


def test_a_user_has_organisations(hub):
    assert [each.name for each in owner(hub, "ada").organisations] == ["lab"]


def test_a_name_without_an_account_is_an_owner_if_it_has_artifacts(hub):
    assert owner(hub, "stranger").kind == ""
    assert owner(hub, "Stranger").name == "stranger"


def test_a_private_artifact_does_not_show_in_the_page_of_its_owner(hub):
    assert owner(hub, "bob").total == 0
    assert owner(hub, "bob").artifacts == ()


@pytest.mark.parametrize("name", ["nobody", "la", "a\x00b", "%", "lab/open"])
def test_other_names_are_unknown(hub, name):
    with pytest.raises(UnknownAccount):
        owner(hub, name)


def test_downloads_and_likes_are_summed(hub):
    hub.registry.count_download(ArtifactName("lab", "open"))
    hub.registry.count_download(ArtifactName("lab", "secret"))
    assert owner(hub, "lab").downloads == 1
    assert owner(hub, "lab", ("lab",)).downloads == 2


def test_a_removed_user_keeps_artifacts_and_loses_the_account(hub):
    hub.accounts.add("eve", ROOT, full_name="Eve")
    create(ArtifactName("eve", "one"), hub.registry, hub.store, Actor("eve"), private=False)
    hub.accounts.remove("eve", ROOT)
    found = owner(hub, "eve")
    assert (found.kind, found.full_name, found.total) == ("", "", 1)
