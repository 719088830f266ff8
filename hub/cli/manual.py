"""docs/cli.md from the commands' own help: `python -m hub.cli.manual > docs/cli.md`."""

from __future__ import annotations

from typing import Any

from hub.cli.commands import program

COLUMNS = 100
HEAD = """# The command line

Generated from `hub --help` by `make docs`; a test compares the two.

Every command exits with 0 when it is done, 1 when it failed, 2 when it was asked for something that cannot be, 130 when it was
interrupted; a message is one line on standard error that says what to do next. Tables are cut to the width of a terminal, never in a
pipe. `--json` prints everything for programs. `hub --install-completion` teaches your shell the commands.
"""


def manual() -> str:
    """The whole page."""
    group = program()
    root = group.make_context("hub", [], resilient_parsing=True, terminal_width=COLUMNS)
    sections = [HEAD]
    for name in group.list_commands(root):
        command = group.get_command(root, name)
        sections += [f"## hub {name}\n", f"```\n{_help(command, name, root)}\n```\n"]
    return "\n".join(sections)


def _help(command: Any, name: str, root: Any) -> str:
    context = command.make_context(name, [], parent=root, resilient_parsing=True, terminal_width=COLUMNS)
    text: str = context.get_help()
    return "\n".join(line.rstrip() for line in text.splitlines())


if __name__ == "__main__":
    print(manual(), end="")
