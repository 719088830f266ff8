"""Facts about an owner: a user, an organisation, or a name that only occurs in artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.catalogue.artifact_line import ArtifactLine, lines_of
from hub.errors import UnknownAccount
from hub.records import KINDS, Query
from hub.registry import Registry
from hub.registry.accounts.accounts import Accounts
from hub.registry.accounts.permissions import ORGANISATION, Account
from hub.registry.artifacts.usage import owner_totals

MAX_OF_KIND = 6
"""Artifacts of each kind that are listed; the others are one link away."""
MAX_NEWEST = 5
"""Artifacts that were updated last."""
MAX_MEMBERS = 200
"""Members of an organisation that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an organisation, or an organisation of a user."""

    name: str
    full_name: str
    role: str
    """`read`, `write` or `admin`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKind:
    """The artifacts of one kind."""

    kind: str
    count: int
    artifacts: tuple[ArtifactLine, ...]
    """The first of them, the best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An owner of artifacts."""

    name: str
    full_name: str
    kind: str
    """`user`, `organisation`, or empty for a name without an account here."""
    since: datetime | None
    """When the account was made."""
    members: tuple[Member, ...]
    """Of an organisation."""
    organisations: tuple[Member, ...]
    """Of a user."""
    total: int
    """Number of artifacts."""
    is_exact: bool
    """Whether all numbers are exact; otherwise they are lower bounds."""
    downloads: int
    likes: int
    languages: dict[str, int]
    """Language → number of artifacts."""
    artifacts: tuple[OwnedKind, ...]
    newest: tuple[ArtifactLine, ...]
    """The most recently updated artifacts."""


def find_owner(registry: Registry, accounts: Accounts, name: str, readers: tuple[str, ...] | None) -> Owner:
    """Return an owner by name, ignoring case. Raises UnknownAccount if there is neither an account nor an artifact to see."""
    account = accounts.find(name)
    if account is not None and account.removed_at is not None:
        account = None  # Its artifacts stay.
    counted = owner_totals(registry.database, name, readers)
    if account is None and counted is None:
        raise UnknownAccount(name, listing="hub search")
    spelt = counted.owner if counted else account.name if account else name
    newest = registry.find(Query(owner=spelt, sort="updated", limit=MAX_NEWEST, readers=readers, scores="best"))
    kinds = newest.facets.get("kind", {})
    order = [*KINDS, *sorted(set(kinds) - set(KINDS))]
    return Owner(
        name=account.name if account else spelt, full_name=account.full_name if account else "",
        kind=account.kind if account else "", since=account.created_at if account else None,
        members=_members(accounts, account) if account and account.kind == ORGANISATION else (),
        organisations=_organisations(accounts, account) if account and account.kind != ORGANISATION else (),
        total=newest.total, is_exact=newest.is_exact and (counted is None or counted.is_exact),
        downloads=counted.downloads if counted else 0, likes=counted.likes if counted else 0,
        languages=newest.facets.get("language", {}),
        artifacts=tuple(_of_kind(registry, spelt, kind, kinds[kind], readers) for kind in order if kinds.get(kind)),
        newest=lines_of(newest.items),
    )  # fmt: skip


def _of_kind(registry: Registry, owner: str, kind: str, count: int, readers: tuple[str, ...] | None) -> OwnedKind:
    page = registry.find(Query(owner=owner, kind=kind, limit=MAX_OF_KIND, readers=readers, scores="best"))
    return OwnedKind(kind=kind, count=count, artifacts=lines_of(page.items))


def _members(accounts: Accounts, organisation: Account) -> tuple[Member, ...]:
    listed = accounts.members(organisation)[:MAX_MEMBERS]
    return tuple(Member(name=each.name, full_name=each.full_name, role=role) for each, role in listed)


def _organisations(accounts: Accounts, user: Account) -> tuple[Member, ...]:
    return tuple(
        Member(name=each.name, full_name=each.full_name, role=role) for each, role in accounts.organisations(user)
    )
