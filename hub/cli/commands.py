"""The commands of `hub`, imported when they are used."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from hub.errors import HubError, InvalidRequest
from hub.plugins import advertised

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "hub.commands"
"""Entry-point group through which any distribution can add commands."""
OWN = {
    "search": "find.search",
    "show": "find.show",
    "pull": "transfer.pull",
    "new": "transfer.new",
    "push": "transfer.push",
    "import": "transfer.import_file",
    "export": "transfer.export",
    "generate": "use.generate",
    "merge": "use.merge",
    "bases": "find.bases",
    "languages": "find.languages",
    "compare": "choose.compare",
    "leaderboard": "find.leaderboard",
    "parity": "choose.parity",
    "recommend": "choose.recommend",
    "diff": "find.diff",
    "alias": "transfer.alias",
    "yank": "transfer.yank",
    "index": "maintain.index",
    "verify": "maintain.verify",
    "gc": "maintain.gc",
    "backup": "maintain.backup",
    "restore": "maintain.restore",
    "admin": "admin",
    "doctor": "maintain.doctor",
}
"""Command → module below `hub.cli` with a function of the module's name, in the order of `hub --help`."""
METAVARS = {
    "str": "TEXT", "list[str]": "TEXT", "int": "N", "int range": "N", "float": "NUMBER", "float range": "NUMBER", "path": "PATH",
}  # fmt: skip
"""Typer's name of a type → the placeholder for an option's value in `--help`."""


class PluggableGroup(TyperGroup):
    """A group that imports its commands, built-in or from entry points, when they are used."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return the names of all commands, built-in ones first."""
        return [*OWN, *(name for name in advertised(GROUP) if name not in OWN)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer's signature
        """Return the command `cmd_name`, or None."""
        if cmd_name in OWN:
            module = OWN[cmd_name]
            return as_command(
                cmd_name, getattr(importlib.import_module(f"hub.cli.{module}"), module.rpartition(".")[2])
            )
        if (found := advertised(GROUP).get(cmd_name)) is not None:
            return _load(found)
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve as Typer does, but suggest similar names of commands. Raises InvalidRequest for an unknown one."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=3, cutoff=0.5)
            hint = f" Did you mean {', '.join(f'`hub {each}`' for each in near)}?" if near else ""
            raise InvalidRequest(f"unknown command `{name}`.{hint} List them with `hub --help`.")
        return super().resolve_command(ctx, args)


class Argument(TyperArgument):
    """An argument that `--help` shows by its name alone."""

    def display_type(self, ctx: Any) -> str:  # noqa: ARG002 - Typer's signature
        """Return an empty string: no type."""
        return ""

    def get_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Return `NAME`, in brackets if it can be omitted, with dots if it can be repeated."""
        dots = "" if self.nargs == 1 else "..."
        return [f"{self.metavar}{dots}" if self.required else f"[{self.metavar}{dots}]"]


@cache
def as_command(name: str, target: Callable[..., Any] | typer.Typer) -> Any:
    """Return a function or a Typer application as a command called `name`. Building it takes milliseconds, and `hub` needs it twice."""
    if isinstance(target, typer.Typer):
        command = typer.main.get_command(target)
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(name)(target)
        command = typer.main.get_command(app)
    command.name = name
    _set_metavars(command)
    return command


def _set_metavars(command: Any) -> None:
    """Show options as `--limit N` and arguments as `NAME` in `--help`, where Typer would show Python types."""
    for parameter in command.params:
        if isinstance(parameter, TyperArgument):
            parameter.metavar = parameter.metavar or parameter.name.upper()
            parameter.__class__ = Argument  # Typer has no setting for the class of an argument.
        elif parameter.metavar is None:
            parameter.metavar = METAVARS.get(parameter.display_type(None).strip("<>"))
    for each in getattr(command, "commands", {}).values():
        _set_metavars(each)


def program() -> Any:
    """Return `hub` as a command with subcommands."""
    app = typer.Typer(
        name="hub",
        cls=PluggableGroup,
        help="Find, download, publish and use language modules for frozen text-to-image models.",
        rich_markup_mode=None,  # Rich reads `[serve]` in a message as markup, and costs start-up time.
        pretty_exceptions_enable=False,
    )
    app.callback(invoke_without_command=True)(_root)
    return typer.main.get_command(app)


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"linguahub {version_of('linguahub')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _load(point: EntryPoint) -> Any:
    """Return the command of an entry point. One that cannot be imported is listed in `hub --help` and raises when run."""
    try:
        return as_command(point.name, point.load())
    except (ImportError, AttributeError) as error:
        distribution = point.dist.name if point.dist is not None else "an unknown distribution"
        return _broken(
            point.name, f"`hub {point.name}` of {distribution} cannot be loaded: {error}. Check with `hub doctor`."
        )


def _broken(name: str, message: str) -> Any:
    def raise_error(*_: Any, **__: Any) -> None:
        raise HubError(message)

    return TyperCommand(
        name=name,
        callback=raise_error,
        help="(Cannot be loaded; run it to see why.)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        rich_markup_mode=None,
    )
