"""Webhooks: URLs that are notified of changes to artifacts. See docs/publish/webhooks.md."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.errors import Forbidden, InvalidRequest, UnknownWebhook
from hub.names import ArtifactName
from hub.registry.accounts.audit import log_action
from hub.registry.accounts.permissions import Account, Actor
from hub.registry.accounts.server_settings import change_setting, find_setting
from hub.registry.database.clock import utc_now

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from hub.registry.database.database import Database, ResultRow

EVERYTHING = "everything"
KINDS = ("model", "dataset", "user", "org", EVERYTHING)
"""Targets that can be watched, as on the Hugging Face Hub; `everything` is an addition for administrators."""
DOMAINS = ("repo", "repo.content", "repo.config", "score", "discussion")
"""Scopes of events. `repo` includes `repo.*`; `discussion` is accepted but unused, because this server has no discussions."""
MAX_WEBHOOKS = 20
"""Webhooks per account."""
MAX_WATCHED = 100
_MAX_SECRET = 256
_HOSTS = "webhook-hosts"
_ID = re.compile(r"[0-9a-f]{24}")
_HOST = re.compile(r"[a-z0-9.:_-]{1,253}")


@dataclass(frozen=True, slots=True)
class Watched:
    """An owner or repository that a webhook watches."""

    kind: str
    name: str
    """`owner/name`, a user or an organisation; empty for `everything`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A URL, the events that it is notified of, and the secret that signs them."""

    id: str
    account_id: int
    url: str
    secret: str
    domains: tuple[str, ...]
    disabled: bool
    origin: str
    watched: tuple[Watched, ...]


def webhooks_of(database: Database, account: Account) -> list[Webhook]:
    """Return the webhooks of an account, oldest first."""
    rows = database.rows("SELECT * FROM webhooks WHERE account_id = :id ORDER BY created_at, id", {"id": account.id})
    return [_webhook(database, row) for row in rows]


def find_webhook(database: Database, webhook_id: str) -> Webhook | None:
    """Return the webhook with an id, or None."""
    if _ID.fullmatch(webhook_id) is None:
        return None
    rows = database.rows("SELECT * FROM webhooks WHERE id = :id", {"id": webhook_id})
    return _webhook(database, rows[0]) if rows else None


def get_webhook(database: Database, account: Account, webhook_id: str) -> Webhook:
    """Return a webhook of an account. Raises UnknownWebhook, also for webhooks of other accounts."""
    found = find_webhook(database, webhook_id)
    if found is None or found.account_id != account.id:
        raise UnknownWebhook(webhook_id[:100])
    return found


def add_webhook(
    database: Database,
    account: Account,
    url: str,
    watched: Sequence[Watched],
    domains: Sequence[str],
    actor: Actor,
    *,
    secret: str = "",
    origin: str = "",
) -> Webhook:
    """Create a webhook; the caller has checked `url`. Raises InvalidRequest, Forbidden."""
    from sqlalchemy import func, select

    from server.parts.webhooks.tables import WebhookRow

    domains = _check(account, watched, domains, secret)
    with database.transaction() as session:
        owned = session.scalar(select(func.count()).where(WebhookRow.account_id == account.id)) or 0
        if owned >= MAX_WEBHOOKS:
            raise InvalidRequest(
                f"`{account.name}` has {owned} webhooks, the maximum is {MAX_WEBHOOKS}: delete one first."
            )
        row = WebhookRow(
            id=secrets.token_hex(12), account_id=account.id, url=url, secret=secret, domains=list(domains), disabled=False,
            origin=origin, created_at=utc_now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
        _watch(session, row.id, watched)
        log_action(session, actor, "webhook.create", account.name, webhook=row.id, host=host_of(url))
        made = row.id
    return get_webhook(database, account, made)


def change_webhook(
    database: Database,
    account: Account,
    webhook_id: str,
    actor: Actor,
    *,
    url: str | None = None,
    watched: Sequence[Watched] | None = None,
    domains: Sequence[str] | None = None,
    secret: str | None = None,
    disabled: bool | None = None,
) -> Webhook:
    """Change the given fields. Raises UnknownWebhook, InvalidRequest, Forbidden."""
    from server.parts.webhooks.tables import WebhookRow

    known = get_webhook(database, account, webhook_id)
    domains = _check(account, watched or known.watched, domains or known.domains, secret or "")
    with database.transaction() as session:
        row = session.get_one(WebhookRow, webhook_id)
        row.url, row.domains = url or row.url, list(domains)
        row.secret = row.secret if secret is None else secret
        row.disabled = row.disabled if disabled is None else disabled
        if watched:
            _watch(session, webhook_id, watched)
        changed = {"host": url and host_of(url), "disabled": disabled, "secret": None if secret is None else "changed"}
        detail = {name: value for name, value in changed.items() if value is not None}
        log_action(session, actor, "webhook.change", account.name, webhook=webhook_id, **detail)
    return get_webhook(database, account, webhook_id)


def delete_webhook(database: Database, account: Account, webhook_id: str, actor: Actor) -> None:
    """Delete a webhook and its deliveries. Raises UnknownWebhook."""
    from server.parts.webhooks.tables import WebhookRow

    get_webhook(database, account, webhook_id)
    with database.transaction() as session:
        session.delete(session.get_one(WebhookRow, webhook_id))
        log_action(session, actor, "webhook.delete", account.name, webhook=webhook_id)


def allowed_hosts(database: Database) -> frozenset[str]:
    """Return the internal hosts that webhooks can reach, also without TLS."""
    return frozenset(json.loads(find_setting(database, _HOSTS) or "[]"))


def allow_host(database: Database, host: str, actor: Actor, *, allowed: bool = True) -> None:
    """Allow or forbid webhooks to reach an internal host. Raises InvalidRequest for an invalid host."""
    name = host.lower()
    if _HOST.fullmatch(name) is None:
        raise InvalidRequest(f"{host[:100]!r} is not a valid host: use a name or IP address as in URLs, without port.")
    hosts = allowed_hosts(database) - {name} | ({name} if allowed else set())
    change_setting(database, _HOSTS, json.dumps(sorted(hosts)), actor)


def _check(account: Account, watched: Sequence[Watched], domains: Sequence[str], secret: str) -> tuple[str, ...]:
    if not watched or len(watched) > MAX_WATCHED:
        raise InvalidRequest(f"a webhook can watch 1 to {MAX_WATCHED} repositories and owners, not {len(watched)}.")
    for each in watched:
        if each.kind not in KINDS:
            raise InvalidRequest(f"{each.kind[:40]!r} cannot be watched: choose one of {', '.join(KINDS)}.")
        if each.kind == EVERYTHING and not account.is_admin:
            raise Forbidden("only administrators can watch everything: watch a repository, a user or an organisation.")
        _key(each)
    if not domains or (wrong := [each for each in domains if each not in DOMAINS]):
        raise InvalidRequest(
            f"unknown domains {wrong if domains else '(none given)'}: choose one or more of {', '.join(DOMAINS)}."
        )
    if len(secret) > _MAX_SECRET or not secret.isascii() or not (secret.isprintable() or not secret):
        raise InvalidRequest(f"a secret has at most {_MAX_SECRET} printable ASCII characters: it is sent in a header.")
    return tuple(dict.fromkeys(domains))


def _watch(session: Session, webhook_id: str, watched: Sequence[Watched]) -> None:
    from sqlalchemy import delete

    from server.parts.webhooks.tables import WatchRow

    session.execute(delete(WatchRow).where(WatchRow.webhook_id == webhook_id))
    for each in dict.fromkeys((each.kind, _key(each), each.name) for each in watched):
        session.merge(WatchRow(webhook_id=webhook_id, kind=each[0], key=each[1], name=each[2]))


def _key(watched: Watched) -> str:
    """Return the key that is compared with events. Raises InvalidName, InvalidRequest."""
    if watched.kind == EVERYTHING:
        return "*"
    if watched.kind in {"model", "dataset"}:
        if "/" not in watched.name:
            raise InvalidRequest(f"{watched.name[:100]!r} is not a repository name: use `owner/name`.")
        return ArtifactName.parse_repository(watched.name, "", is_dataset=watched.kind == "dataset").key
    return ArtifactName(watched.name, "any").owner.lower()


def host_of(url: str) -> str:
    """Return the host of a URL. The rest is not logged or shown, because it can contain a token, as with chat services."""
    return urlsplit(url).hostname or ""


def _webhook(database: Database, row: ResultRow) -> Webhook:
    watches = database.rows(
        "SELECT kind, name FROM webhook_watches WHERE webhook_id = :id ORDER BY kind, key", {"id": row["id"]}
    )
    return Webhook(
        id=row["id"],
        account_id=row["account_id"],
        url=row["url"],
        secret=row["secret"],
        domains=tuple(json.loads(row["domains"])),
        disabled=bool(row["disabled"]),
        origin=row["origin"],
        watched=tuple(Watched(each["kind"], each["name"]) for each in watches),
    )
