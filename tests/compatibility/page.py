"""Render docs/reference/compatibility.md from the table that the tests run."""

from __future__ import annotations

from hub.bases.family import Reads, families
from hub.bases.padding import ZeroPaddedLanguage
from tests.builders import ROOT
from tests.builders.models.bases import SMALL
from tests.builders.models.bases.small import Small
from tests.compatibility.table import ABSENT, FAMILIES, FEATURES, WITH_NOTE

PAGE = ROOT / "docs" / "reference" / "compatibility.md"
_HEAD = """# Compatibility

This page lists which features of diffusers pipelines work with a language module. Every "yes" is a test in `tests/compatibility` on a
small random base of the real classes: the image differs from the base's own, and `encode_prompt` returns what the module computes. In
8 and 4 bits, the denoiser is smaller and generates nearly the same image, and a module gets the output of transformers' quantised
encoder (`load_pipeline(…, quantisation="8bit", encoder_quantisation="4bit")`; see
[which layers are not quantised](../use/memory.md#8-bit-and-4-bit-weights)). `python -m tests.compatibility` writes this page. A number links to the
reason or a note.

"""


_SMALL = """## Every family

One row for each family with a small random base. Each route is a test in `tests/compatibility/test_small_bases.py`: a module is
used with it, and the result differs from the base's own. Without modules, the result of the first route equals that of diffusers, bit for
bit. A batch can mix prompts of a module and of the base if the denoiser reads a mask, or zeros as padding; otherwise all prompts of a
call need the same number of tokens. `python -m tests.compatibility.coverage` lists the pipelines of diffusers without a family, with the reason.

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
    return f"{_HEAD}{chr(10).join(lines)}\n\n## Reasons\n\n{listed}\n\n{_SMALL}{_render_small()}\n"


def _render_small() -> str:
    known = {family.name: family for family in families()}
    lines = ["| family | denoiser reads | tested routes | negative prompts | mixed batches |", "|---" * 5 + "|"]
    for name, small in sorted(SMALL.items()):
        reads, has_zeros = known[name].reads, issubclass(known[name].mixin, ZeroPaddedLanguage)
        routes = [_first_route(small), *small.routes]
        cells = [
            name,
            _describe(reads, has_zeros=has_zeros),
            ", ".join(routes),
            _yes(small.guided is not None),
            _yes(reads.mask),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _first_route(small: Small) -> str:
    made = "video" if len(small.shape) == 4 else "image" if small.shape[-1] in {3, 4} else "image embeddings"
    return f"{'image' if 'image' in small.call else 'text'} to {made}"


def _describe(reads: Reads, *, has_zeros: bool) -> str:
    parts = ["token states" if reads.layers == 1 else "token states of several layers"]
    parts += [each.name for each in reads.streams]
    parts += ["a pooled vector"] if reads.pooled is not None else []
    parts += ["zeros as padding" if has_zeros else "a mask"] if reads.mask else []
    return ", ".join(parts)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
