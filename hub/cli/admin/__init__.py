"""`hub admin`: accounts, tokens, quotas and policy, of the local registry or of a server."""

from __future__ import annotations

from hub.cli.admin.audit import audit
from hub.cli.admin.options import group
from hub.cli.admin.organisations import organisations
from hub.cli.admin.outbox import outbox
from hub.cli.admin.policy import policy
from hub.cli.admin.quotas import quotas
from hub.cli.admin.reports import reports
from hub.cli.admin.repositories import repositories
from hub.cli.admin.tokens import tokens
from hub.cli.admin.unsafe_files import files
from hub.cli.admin.users import users
from hub.plugins import resolve
from hub.registry.parts import parts

__all__ = ["admin"]

admin = group("Manage accounts, tokens, quotas and policy, locally or on the server at --endpoint.")
admin.add_typer(users, name="user")
admin.add_typer(organisations, name="org")
admin.add_typer(tokens, name="token")
admin.add_typer(quotas, name="quota")
admin.add_typer(repositories, name="repo")
admin.add_typer(files, name="file")
admin.add_typer(reports, name="report")
for part in parts():
    for name, target in part.admin_commands.items():
        admin.add_typer(resolve(target), name=name)
admin.command("policy")(policy)
admin.command("audit")(audit)
admin.command("outbox")(outbox)
