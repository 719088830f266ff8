"""`hub admin webhook`: list webhooks and their deliveries, and allow internal hosts."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from hub.cli.admin.options import Endpoint, administration, group, lines

webhooks = group("Webhooks of accounts, and internal hosts that they can reach.")


@webhooks.command("allow")
def allow(
    host: Annotated[str, Argument(help="Host name or IP address as in webhook URLs, without port.")],
    forbid: Annotated[bool, Option("--forbid", help="Forbid the host again.")] = False,
    endpoint: Endpoint = "",
) -> None:
    """Allow webhooks to reach an internal host, also without TLS."""
    from server.parts.webhooks.operations import AllowWebhookHost

    with administration(endpoint) as admin:
        found = admin.run(AllowWebhookHost(host=host, allowed=not forbid))
    print(f"webhooks can {'no longer' if forbid else 'now'} reach {found.host}")


@webhooks.command("hosts")
def hosts(endpoint: Endpoint = "") -> None:
    """List the internal hosts that webhooks can reach."""
    from server.parts.webhooks.operations import ListWebhookHosts

    with administration(endpoint) as admin:
        lines([(each.host,) for each in admin.run(ListWebhookHosts())])


@webhooks.command("list")
def show(account: Annotated[str, Argument(help="A user.")], endpoint: Endpoint = "") -> None:
    """List the webhooks of a user: id, host, watched repositories and owners, state."""
    from server.parts.webhooks.operations import ListUserWebhooks

    with administration(endpoint) as admin:
        found = admin.run(ListUserWebhooks(name=account))
    lines([(each.id, each.host, ", ".join(each.watched), "disabled" if each.disabled else "enabled") for each in found])


@webhooks.command("log")
def log(webhook: Annotated[str, Argument(help="Webhook id.")], endpoint: Endpoint = "") -> None:
    """List the latest deliveries of a webhook: id, event, attempts, status, milliseconds, error."""
    from server.parts.webhooks.operations import ListWebhookDeliveries

    with administration(endpoint) as admin:
        found = admin.run(ListWebhookDeliveries(webhook=webhook))
    lines(
        [
            (each.id, f"{each.scope} {each.action}", each.attempts, each.status or "–", each.duration_ms or "–", each.error)
            for each in found
        ]
    )  # fmt: skip
