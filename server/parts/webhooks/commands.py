"""`hub admin webhook`: who is told what, how it went, and which hosts of the own network may be reached."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.opening import Endpoint, administration, group, lines

webhooks = group("Webhooks of accounts, and which hosts of the own network they may reach.")


@webhooks.command("allow")
def allow(
    host: Annotated[str, Argument(help="Name or address, as in the URLs of webhooks, without port.")],
    forbid: Annotated[bool, Option("--forbid", help="Take the permission back.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Let webhooks reach a host that is inside a network, without TLS too."""
    from server.parts.webhooks.operations import AllowHost

    with administration(endpoint) as admin:
        kept = admin.run(AllowHost(host=host, allowed=not forbid)).host
    print(f"webhooks may {'not ' if forbid else ''}reach {kept}{'' if forbid else ', wherever that is'}")


@webhooks.command("hosts")
def hosts(endpoint: Endpoint = "") -> None:
    """List those hosts."""
    from server.parts.webhooks.operations import ListHosts

    with administration(endpoint) as admin:
        lines([(each.host,) for each in admin.run(ListHosts())])


@webhooks.command("list")
def show(account: Annotated[str, Argument(help="A user.")], endpoint: Endpoint = "") -> None:
    """List the webhooks of an account: id, host, what is watched, whether it is told."""
    from server.parts.webhooks.operations import ListHooks

    with administration(endpoint) as admin:
        found = admin.run(ListHooks(name=account))
    lines([(each.id, each.host, ", ".join(each.watched), "disabled" if each.disabled else "enabled") for each in found])


@webhooks.command("log")
def log(webhook: Annotated[str, Argument(help="Its id.")], endpoint: Endpoint = "") -> None:
    """List what a webhook was told of late: id, what, attempts, status, milliseconds, why it failed."""
    from server.parts.webhooks.operations import ListHookDeliveries

    with administration(endpoint) as admin:
        found = admin.run(ListHookDeliveries(webhook=webhook))
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
