"""Administration of a server, through its API: `/api/v1/admin`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from hub.accounts import Account, Token
from hub.administration.calls import Server
from hub.administration.contract import Hook, Membership, Quota
from hub.administration.wire import read
from hub.records import SigningKey
from hub.registry.audit import Entry
from hub.registry.deliveries import Delivery
from hub.registry.outbox import Debt


class RemoteAdministration:
    """Asks a server, with an administrator's token."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._server = Server(endpoint, token)

    def users(self) -> list[Account]:
        """As `Administration.users`."""
        return [read(Account, each) for each in self._list("users")]

    def add_user(self, name: str, *, is_admin: bool, full_name: str, email: str) -> Account:
        """As `Administration.add_user`."""
        body = {"name": name, "is_admin": is_admin, "full_name": full_name, "email": email}
        return read(Account, self._ask("POST", "users", body))

    def remove_user(self, name: str) -> Account:
        """As `Administration.remove_user`."""
        return read(Account, self._ask("DELETE", _at("users", name)))

    def restore_user(self, name: str) -> Account:
        """As `Administration.restore_user`."""
        return read(Account, self._ask("POST", _at("users", name, "restore")))

    def set_password(self, name: str, password: str) -> Account:
        """As `Administration.set_password`."""
        return read(Account, self._ask("PUT", _at("users", name, "password"), {"password": password}))

    def set_admin(self, name: str, *, is_admin: bool) -> Account:
        """As `Administration.set_admin`."""
        return read(Account, self._ask("PUT", _at("users", name, "admin"), {"is_admin": is_admin}))

    def tokens(self, name: str) -> list[Token]:
        """As `Administration.tokens`."""
        return [read(Token, each) for each in self._list(_at("users", name, "tokens"))]

    def create_token(self, name: str, role: str, *, artifact: str, label: str, days: int | None) -> str:
        """As `Administration.create_token`."""
        body = {"role": role, "artifact": artifact, "name": label, "days": days}
        return str(self._ask("POST", _at("users", name, "tokens"), body)["token"])

    def revoke_token(self, name: str, number: int) -> Token:
        """As `Administration.revoke_token`."""
        return read(Token, self._ask("DELETE", _at("users", name, "tokens", str(number))))

    def organisations(self) -> list[Account]:
        """As `Administration.organisations`."""
        return [read(Account, each) for each in self._list("organisations")]

    def add_organisation(self, name: str, *, full_name: str) -> Account:
        """As `Administration.add_organisation`."""
        return read(Account, self._ask("POST", "organisations", {"name": name, "full_name": full_name}))

    def members(self, organisation: str) -> list[Membership]:
        """As `Administration.members`."""
        return [read(Membership, each) for each in self._list(_at("organisations", organisation, "members"))]

    def set_member(self, organisation: str, user: str, role: str) -> Membership:
        """As `Administration.set_member`."""
        return read(Membership, self._ask("PUT", _at("organisations", organisation, "members", user), {"role": role}))

    def quotas(self) -> list[Quota]:
        """As `Administration.quotas`."""
        return [read(Quota, each) for each in self._list("quotas")]

    def quota(self, name: str) -> Quota:
        """As `Administration.quota`."""
        return read(Quota, self._ask("GET", _at("quotas", name)))

    def set_quota(self, name: str, quota_bytes: int | None) -> Quota:
        """As `Administration.set_quota`."""
        return read(Quota, self._ask("PUT", _at("quotas", name), {"quota_bytes": quota_bytes}))

    def allow_any_file(self, name: str, *, allowed: bool) -> str:
        """As `Administration.allow_any_file`."""
        return str(self._ask("PUT", _at("repositories", name, "policy"), {"any_file": allowed})["name"])

    def free_name(self, name: str) -> str:
        """As `Administration.free_name`."""
        return str(self._ask("DELETE", _at("tombstones", name))["name"])

    def webhooks(self, name: str) -> list[Hook]:
        """As `Administration.webhooks`."""
        return [read(Hook, each) for each in self._list(_at("users", name, "webhooks"))]

    def deliveries(self, webhook: str) -> list[Delivery]:
        """As `Administration.deliveries`."""
        return [read(Delivery, each) for each in self._list(_at("webhooks", webhook, "deliveries"))]

    def webhook_hosts(self) -> list[str]:
        """As `Administration.webhook_hosts`."""
        return [str(each["host"]) for each in self._list("webhook-hosts")]

    def allow_webhook_host(self, host: str, *, allowed: bool) -> str:
        """As `Administration.allow_webhook_host`."""
        return str(self._ask("PUT", _at("webhook-hosts", host), {"allowed": allowed})["host"])

    def signing_keys(self, name: str) -> list[SigningKey]:
        """As `Administration.signing_keys`."""
        found: list[dict[str, Any]] = self._server.ask("GET", _keys(name))["items"]
        return [read(SigningKey, each) for each in found]

    def add_signing_key(self, name: str, pem: str, *, label: str) -> SigningKey:
        """As `Administration.add_signing_key`."""
        return read(SigningKey, self._server.ask("POST", _keys(name), {"name": label, "pem": pem}))

    def revoke_signing_key(self, name: str, fingerprint: str) -> None:
        """As `Administration.revoke_signing_key`."""
        self._server.ask("DELETE", f"{_keys(name)}/{quote(fingerprint, safe='')}")

    def outbox(self, *, limit: int) -> list[Debt]:
        """As `Administration.outbox`."""
        return [read(Debt, each) for each in self._list(f"outbox?{urlencode({'limit': limit})}")]

    def retry_outbox(self, task: str) -> int:
        """As `Administration.retry_outbox`."""
        return int(self._ask("POST", "outbox/retry", {"task": task})["due"])

    def audit(self, *, subject: str, limit: int) -> list[Entry]:
        """As `Administration.audit`."""
        return [read(Entry, each) for each in self._list(f"audit?{urlencode({'subject': subject, 'limit': limit})}")]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._server.ask(method, f"/api/v1/admin/{path}", body)

    def _list(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", path)["items"]
        return found


def _keys(account: str) -> str:
    """Owners use this address too, and so it is not among those of administrators."""
    return f"/api/v1/accounts/{quote(account, safe='')}/signing-keys"


def _at(*segments: str) -> str:
    """A path of these segments; `owner/name` is one of them."""
    return "/".join(quote(each, safe="") for each in segments)
