"""`hub admin webhook`: hosts of the own network that webhooks may reach."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import group, lines, opened, operator

webhooks = group("Which hosts of the own network webhooks may reach.")


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
