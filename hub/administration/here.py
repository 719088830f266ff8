"""Administration of the registry that is here. A server answers with it, too."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from hub.accounts import ORGANISATION, USER, Account, Actor, Token
from hub.administration.contract import MOST_DAYS, Hook, Membership, Quota
from hub.errors import UnknownWebhook, WrongRequest
from hub.local import LocalHub
from hub.names import ArtifactName
from hub.publish import drain_outbox
from hub.records import SigningKey
from hub.registry.audit import Entry, read_audit
from hub.registry.deliveries import Delivery, deliveries
from hub.registry.outbox import Debt, debts, retry
from hub.registry.repositories import allow_any_file, remove_tombstone
from hub.registry.signing_keys import add_key, keys_of, revoke_key
from hub.registry.webhooks import Webhook, allow_host, allowed_hosts, find_webhook, webhooks_of
from hub.signatures import fingerprint_of

_MOST_LINES = 10_000
"""Of the audit log or the outbox, at once."""
_LONGEST_TASK = 200


class LocalAdministration:
    """Changes the registry, in somebody's name."""

    def __init__(self, hub: LocalHub, actor: Actor) -> None:
        self._hub = hub
        self._accounts, self._tokens, self._database = hub.accounts, hub.tokens, hub.registry.database
        self._actor = actor

    def users(self) -> list[Account]:
        """As `Administration.users`."""
        return self._accounts.all(USER)

    def add_user(self, name: str, *, is_admin: bool, full_name: str, email: str) -> Account:
        """As `Administration.add_user`."""
        return self._accounts.add(name, self._actor, is_admin=is_admin, full_name=full_name, email=email)

    def remove_user(self, name: str) -> Account:
        """As `Administration.remove_user`."""
        self._accounts.remove(name, self._actor)
        return self._accounts.get(name)

    def restore_user(self, name: str) -> Account:
        """As `Administration.restore_user`."""
        self._accounts.restore(name, self._actor)
        return self._accounts.get(name)

    def set_password(self, name: str, password: str) -> Account:
        """As `Administration.set_password`."""
        self._accounts.set_password(name, password, self._actor)
        return self._accounts.get(name)

    def set_admin(self, name: str, *, is_admin: bool) -> Account:
        """As `Administration.set_admin`."""
        self._accounts.set_admin(name, is_admin, self._actor)
        return self._accounts.get(name)

    def tokens(self, name: str) -> list[Token]:
        """As `Administration.tokens`."""
        return self._tokens.of(self._accounts.get(name))

    def create_token(self, name: str, role: str, *, artifact: str, label: str, days: int | None) -> str:
        """As `Administration.create_token`."""
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise WrongRequest(f"a token ends after 1 to {MOST_DAYS} days, not {days}.")
        lasts = None if days is None else timedelta(days=days)
        account = self._accounts.get(name)
        return self._tokens.create(account, role, self._actor, name=label, artifact=artifact, lasts=lasts)

    def revoke_token(self, name: str, number: int) -> Token:
        """As `Administration.revoke_token`."""
        return self._tokens.revoke(self._accounts.get(name), number, self._actor)

    def organisations(self) -> list[Account]:
        """As `Administration.organisations`."""
        return self._accounts.all(ORGANISATION)

    def add_organisation(self, name: str, *, full_name: str) -> Account:
        """As `Administration.add_organisation`."""
        return self._accounts.add(name, self._actor, kind=ORGANISATION, full_name=full_name)

    def members(self, organisation: str) -> list[Membership]:
        """As `Administration.members`."""
        found = self._accounts.members(self._accounts.get(organisation))
        return [Membership(each.name, role) for each, role in found]

    def set_member(self, organisation: str, user: str, role: str) -> Membership:
        """As `Administration.set_member`."""
        group, person = self._accounts.get(organisation), self._accounts.get(user)
        self._accounts.set_member(group, person, role, self._actor)
        return Membership(person.name, role)

    def quotas(self) -> list[Quota]:
        """As `Administration.quotas`."""
        return [self._quota(each) for each in self._accounts.all()]

    def quota(self, name: str) -> Quota:
        """As `Administration.quota`."""
        return self._quota(self._accounts.get(name))

    def set_quota(self, name: str, quota_bytes: int | None) -> Quota:
        """As `Administration.set_quota`."""
        self._accounts.set_quota(name, quota_bytes, self._actor)
        return self.quota(name)

    def allow_any_file(self, name: str, *, allowed: bool) -> str:
        """As `Administration.allow_any_file`."""
        found = self._hub.registry.get(name)
        allow_any_file(self._database, found.name, allowed, self._actor)
        drain_outbox(self._hub.registry, self._hub.store)
        return str(found.name)

    def free_name(self, name: str) -> str:
        """As `Administration.free_name`."""
        found = ArtifactName.parse(name, self._hub.home.owner)
        remove_tombstone(self._database, found, self._actor)
        return str(found)

    def webhooks(self, name: str) -> list[Hook]:
        """As `Administration.webhooks`."""
        return [_hook(each) for each in webhooks_of(self._database, self._accounts.get(name))]

    def deliveries(self, webhook: str) -> list[Delivery]:
        """As `Administration.deliveries`."""
        known = find_webhook(self._database, webhook)
        if known is None:
            raise UnknownWebhook(webhook[:100])
        return deliveries(self._database, known)

    def webhook_hosts(self) -> list[str]:
        """As `Administration.webhook_hosts`."""
        return sorted(allowed_hosts(self._database))

    def allow_webhook_host(self, host: str, *, allowed: bool) -> str:
        """As `Administration.allow_webhook_host`."""
        allow_host(self._database, host, self._actor, allowed=allowed)
        return host.lower()

    def signing_keys(self, name: str) -> list[SigningKey]:
        """As `Administration.signing_keys`."""
        return keys_of(self._database, self._accounts.get(name))

    def add_signing_key(self, name: str, pem: str, *, label: str) -> SigningKey:
        """As `Administration.add_signing_key`."""
        owner = self._accounts.get(name)
        kind, fingerprint = fingerprint_of(pem)
        return add_key(self._database, owner, label, pem, kind, fingerprint, self._actor)

    def revoke_signing_key(self, name: str, fingerprint: str) -> None:
        """As `Administration.revoke_signing_key`."""
        revoke_key(self._database, self._accounts.get(name), fingerprint, self._actor)

    def outbox(self, *, limit: int) -> list[Debt]:
        """As `Administration.outbox`."""
        _check_limit(limit)
        return debts(self._database, limit)

    def retry_outbox(self, task: str) -> int:
        """As `Administration.retry_outbox`."""
        if not task.isprintable() or len(task) > _LONGEST_TASK:
            raise WrongRequest(f"{task[:80]!r} is no task: `hub admin outbox` lists those that wait.")
        return retry(self._database, task, self._actor)

    def audit(self, *, subject: str, limit: int) -> list[Entry]:
        """As `Administration.audit`."""
        _check_limit(limit)
        if not subject.isprintable():
            raise WrongRequest(f"{subject[:80]!r} is no artifact and no account.")
        return read_audit(self._database, subject=subject, limit=limit)

    def _quota(self, account: Account) -> Quota:
        return Quota(account.name, self._accounts.used_bytes(account.name), account.quota_bytes)


def _hook(webhook: Webhook) -> Hook:
    watched = [f"{each.kind} {each.name}".strip() for each in webhook.watched]
    return Hook(webhook.id, urlsplit(webhook.url).hostname or "", watched, webhook.disabled)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= _MOST_LINES:
        raise WrongRequest(f"`limit` must be a whole number from 1 to {_MOST_LINES}, not {limit}.")
