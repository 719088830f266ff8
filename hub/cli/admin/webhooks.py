"""`hub admin webhook`: who is told what, how it went, and which hosts of the own network may be reached."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import group, lines, opened, operator

webhooks = group("Webhooks of accounts, and which hosts of the own network they may reach.")


@webhooks.command("allow")
def allow(
    host: Annotated[str, Argument(help="Name or address, as in the URLs of webhooks, without port.")],
    forbid: Annotated[bool, Option("--forbid", help="Take the permission back.")] = False,
) -> None:
    """Let webhooks reach a host that is inside a network, without TLS too."""
    from hub.registry.webhooks import allow_host

    with opened() as hub:
        allow_host(hub.registry.database, host, operator(), allowed=not forbid)
    print(f"webhooks may {'not ' if forbid else ''}reach {host.lower()}{'' if forbid else ', wherever that is'}")


@webhooks.command("hosts")
def hosts() -> None:
    """List those hosts."""
    from hub.registry.webhooks import allowed_hosts

    with opened() as hub:
        lines([(host,) for host in sorted(allowed_hosts(hub.registry.database))])


@webhooks.command("list")
def show(account: Annotated[str, Argument(help="A user.")]) -> None:
    """List the webhooks of an account: id, host, what is watched, whether it is told."""
    from urllib.parse import urlsplit

    from hub.registry.webhooks import webhooks_of

    with opened() as hub:
        found = webhooks_of(hub.registry.database, hub.accounts.get(account))
    lines(
        [
            (
                each.id,
                urlsplit(each.url).hostname,
                ", ".join(f"{watched.kind} {watched.name}".strip() for watched in each.watched),
                "disabled" if each.disabled else "enabled",
            )
            for each in found
        ]
    )


@webhooks.command("log")
def log(webhook: Annotated[str, Argument(help="Its id.")]) -> None:
    """List what a webhook was told of late: id, what, attempts, status, milliseconds, why it failed."""
    from hub.errors import UnknownWebhook
    from hub.registry.deliveries import deliveries
    from hub.registry.webhooks import find_webhook

    with opened() as hub:
        known = find_webhook(hub.registry.database, webhook)
        if known is None:
            raise UnknownWebhook(webhook)
        found = deliveries(hub.registry.database, known)
    lines(
        [
            (
                each.id,
                f"{each.scope} {each.action}",
                each.attempts,
                each.status or "–",
                each.duration_ms or "–",
                each.error,
            )
            for each in found
        ]
    )
