"""Render docs/reference/compatibility.md from the table that the tests run."""

from __future__ import annotations

from tests.builders import ROOT
from tests.compatibility.table import ABSENT, FAMILIES, FEATURES, WITH_NOTE

PAGE = ROOT / "docs" / "reference" / "compatibility.md"
_HEAD = """# Compatibility

This page lists which features of diffusers pipelines work with a language module. Every "yes" is a test in `tests/compatibility` on a
small random base of the real classes: the image differs from the base's own, and `encode_prompt` returns what the module computes. In
8 and 4 bits, the denoiser is smaller and generates nearly the same image, and a module gets the output of transformers' quantised
encoder (`load_pipeline(…, quantisation="8bit", encoder_quantisation="4bit")`; see
[which layers are not quantised](../use/memory.md#8-and-4-bits)). `python -m tests.compatibility` writes this page. A number links to the
reason or a note.

"""


def render_page() -> str:
    """Return the text of the page."""
    reasons: list[str] = []

    def note(reason: str) -> str:
        if reason not in reasons:
            reasons.append(reason)
        return f"[{reasons.index(reason) + 1}](#reasons)"

    lines = ["| | " + " | ".join(FAMILIES.values()) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for feature in FEATURES:
        shown = f"yes {note(WITH_NOTE[feature])}" if feature in WITH_NOTE else "yes"
        cells = [note(ABSENT[family, feature]) if (family, feature) in ABSENT else shown for family in FAMILIES]
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    listed = "\n".join(f"{place}. {reason[0].upper()}{reason[1:]}." for place, reason in enumerate(reasons, 1))
    return f"{_HEAD}{chr(10).join(lines)}\n\n## Reasons\n\n{listed}\n"
