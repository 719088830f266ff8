"""Generate docs/reference/cli.md from the commands' help: `python -m hub.cli.manual > docs/reference/cli.md`."""

from __future__ import annotations

from typing import Any

from hub.cli.commands import program

COLUMNS = 100
HEAD = """# The command line

Generated from `hub --help` by `make docs`; a test compares the two.

Exit codes: 0 success, 1 failure, 2 invalid request, 130 interrupted. An error is one line on standard error and names the next
command. Tables are cut to the width of the terminal, but not in a pipe. `--json` prints all fields. `hub --install-completion`
installs shell completion.
"""


def manual() -> str:
    """Return the page."""
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
