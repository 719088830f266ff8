"""Print which pipelines of the installed diffusers no family has, and why: `python -m tests.compatibility.coverage`.

The exit code is 1 if a class has no reason, as those of a new release.
"""

from __future__ import annotations

import sys
from importlib.metadata import version

from hub.bases.family import families
from tests.compatibility.coverage.classes import pipelines_with_prompts
from tests.compatibility.coverage.reasons import REASONS


def report() -> tuple[str, bool]:
    """Return the text, and whether every missing class has a reason."""
    ours = {name for family in families() for name in family.pipeline_classes}
    theirs = pipelines_with_prompts()
    missing: dict[str, list[str]] = {}
    for name in sorted(theirs - ours):
        missing.setdefault(REASONS.get(name, "NO REASON: add a family or a reason"), []).append(name)
    lines = [
        f"diffusers {version('diffusers')}: {len(theirs & ours)} of {len(theirs)} pipelines that take prompts are in a family."
    ]
    for reason, names in sorted(missing.items()):
        lines += ["", f"{reason[0].upper()}{reason[1:]}:", *(f"  {name}" for name in names)]
    return "\n".join(lines), (theirs - ours) <= set(REASONS)


if __name__ == "__main__":
    text, is_complete = report()
    print(text)
    sys.exit(not is_complete)
