"""docs/compatibility.md, from the table that the tests run."""

from __future__ import annotations

from pathlib import Path

from tests.compatibility.table import ABSENT, FAMILIES, FEATURES, NOT_TRIED, ON_GPU, QUANTISED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
_HEAD = """# Compatibility

What diffusers does with its pipelines, with a language module that reads the prompts. Every "yes" is a test in
`tests/compatibility` on a small random base of the real classes: the picture is another than the base's own, and what
`encode_prompt` answers is what the module computes. `python -m tests.compatibility` writes this page; a number leads to the reason.

"""


def page() -> str:
    """The page's text."""
    reasons: list[str] = []

    def note(reason: str) -> str:
        if reason not in reasons:
            reasons.append(reason)
        return f"[{reasons.index(reason) + 1}](#reasons)"

    gpu = "needs a GPU, where its test runs; on a CPU alone accelerate has nowhere to offload to"
    lines = ["| | " + " | ".join(FAMILIES.values()) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    for feature in FEATURES:
        cells = [
            note(ABSENT[family, feature]) if (family, feature) in ABSENT else note(gpu) if feature in ON_GPU else "yes"
            for family in FAMILIES
        ]
        lines.append(f"| {feature} | {' | '.join(cells)} |")
    lines += [f"| {each} | {' | '.join([note(NOT_TRIED)] * len(FAMILIES))} |" for each in QUANTISED]
    listed = "\n".join(f"{place}. {reason[0].upper()}{reason[1:]}." for place, reason in enumerate(reasons, 1))
    return f"{_HEAD}{chr(10).join(lines)}\n\n## Reasons\n\n{listed}\n"
