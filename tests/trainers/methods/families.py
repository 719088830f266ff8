"""Behaviour of each method with each family of bases: it trains two steps, or is refused for the reason on the page.

`python -m tests.trainers.methods.families` writes docs/train/families.md; `test_families.py` checks every cell.
"""

from __future__ import annotations

from pathlib import Path

from tests.builders.training.flow_bases import FLOWS
from trainers.methods import METHODS

PAGE = Path(__file__).parents[3] / "docs" / "train" / "families.md"
TITLES = {
    "stable-diffusion": "SD 1, 2", "stable-diffusion-xl": "SDXL", "pixart": "PixArt", "stable-diffusion-3": "SD 3, 3.5",
    "flux": "FLUX.1", "sana": "Sana", "chroma": "Chroma", "lumina2": "Lumina 2", "cogview4": "CogView4", "auraflow": "AuraFlow",
    "qwen-image": "Qwen-Image", "flux2-klein": "FLUX.2 klein", "z-image": "Z-Image",
}  # fmt: skip
"""Family → column of the table."""
POOLED = ("stable-diffusion-xl", "stable-diffusion-3", "flux")
MASKED = ("pixart", "sana", "chroma", "lumina2", "auraflow", "qwen-image", "z-image")
NEEDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "altdiffusion": (4, ("stable-diffusion", "stable-diffusion-xl", "pixart", "sana")),
    "iap": (1, tuple(family for family in TITLES if family not in {"lumina2", "z-image"})),
    "prompt-tuning": (5, ("stable-diffusion",)),
}
"""Method → number of the reason why it is refused, and families for which it trains."""
DUAL = ("mclip", "mclip+", "mte")
REASONS = {
    1: (
        "whose attention gives what the image reads apart from the text",
        "It compares what the image reads in each attention layer, which these bases mix with text of varying length.",
    ),
    2: (
        "compares a module's tokens with the base's",
        "It compares tokens one by one, and with a mask, the numbers of tokens differ.",
    ),
    3: ("trains for a dual encoder", "It trains for a dual encoder, which retrieves images."),
    4: (
        "whose denoiser has cross-attention",
        "It trains the denoiser's cross-attention; these bases have joint attention of text and image. `full` trains the whole denoiser.",
    ),
    5: (
        "whose text encoder takes new words",
        "It adds words. SDXL's second encoder would mistake a new word, which has the largest id, for the end of a text; others take no new words.",
    ),
}
"""Number → part of the message, and what the page says."""


def reason_for(method: str, family: str) -> int | None:
    """Return the number of the reason why `method` is refused for `family`; None if it trains."""
    if method in DUAL:
        return 3
    if method in NEEDS and family not in NEEDS[method][1]:
        return NEEDS[method][0]
    if method == "token-kd" and family in MASKED:
        return 2
    return None


def render_page() -> str:
    """Return the page."""
    rows = [
        f"| `{method}` | " + " | ".join(_cell(reason_for(method, family)) for family in TITLES) + " |"
        for method in METHODS
    ]
    reasons = [f"{number}. {text}" for number, (_, text) in REASONS.items()]
    return "\n".join(
        [
            HEAD,
            "| | " + " | ".join(TITLES.values()) + " |",
            "|---" * (len(TITLES) + 1) + "|",
            *rows,
            "\n## Reasons\n",
            *reasons,
            TAIL,
        ]
    )


def _cell(reason: int | None) -> str:
    return "yes" if reason is None else f"[{reason}](#reasons)"


HEAD = """# Methods and bases

This page lists the methods that can train for each family of bases. Every "yes" is a test in `tests/trainers/methods/test_families.py`,
which trains two steps from the command line on a small random base of the real classes. Every number is a test, too: `hub train`
refuses the pair before the first step, and names methods that can be used. `python -m tests.trainers.methods.families` writes
this page.
"""
TAIL = """
## Differences between families

* Bases from SD 3 on are trained by flow matching: the denoiser predicts noise − image, noise levels are shifted as in the base's own
  scheduler, and those of SD 3 are logit-normal. [Families of bases](../internals/bases.md#flow-matching) has the details.
* For a base with a mask, `mulan`, `pea` and `bottleneck` skip their first phase, token distillation. `iap`, `altdiffusion`,
  `full` and `lora` compare the means of token states in this phase.
* For a base with a pooled vector, a bottleneck and the head of a trained encoder compute one from the mean of their states. This is our extension.
* `lora` trains every text encoder of the base and its denoiser; `--set module.denoiser=false` omits the latter. For
  SD 1, 2 and SDXL, plain diffusers loads the file; for the others, it loads the denoiser's LoRA, and PEFT loads those of text encoders.
* `iap` compares the outputs of cross-attention, and for joint attention the image's part of each output, which is our extension.
* `full` keeps six copies of the denoiser's size in fp32: the base's weights, the trained copy, its gradients, two moments and an average.
  That is 62 GB for SDXL and 286 GB for FLUX.1 (parameters of the card × 24 bytes), which [FSDP](several-devices.md#fsdp) distributes.
* For a base with a pooled vector, `mulan` trains SDXL's form of the adapter. Only SDXL's and Stable Diffusion's adapters follow
  published ones; those for SD 3 and FLUX.1 are ours.
* Stable Diffusion 1 and 2, SDXL and PixArt train in [aspect buckets](training.md#crops-and-buckets); other bases train on squares.
* `pea` compares the outputs of the denoiser's blocks; for Lumina 2 and Z-Image it compares predictions alone.
* Other families can be loaded but not trained; `hub train` lists the classes that can.
"""
assert set(FLOWS) < set(TITLES)

if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
