"""What the cards of the lab's own models say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainers.corpora.emoji_dataset import World
from trainers.lab.dataset.splits import HELD_OUT_LANGUAGES
from trainers.lab.models.clip import Shape
from trainers.lab.models.encoder import FOCUS, LENGTH, MASK_SHARE
from trainers.loop.recipe import Recipe

TAGS = ("lab", "emoji")
LAB = (
    "This is a lab model: real data, real classes, trained in minutes to an hour on one CPU core, so that every method and every figure of the "
    "project can be checked by anyone. Its numbers say nothing about models of the usual size."
)


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one run took."""

    recipe: Recipe
    seconds: float
    dollars: float
    """At the price that the card names."""
    last: dict[str, float]
    """Losses and rate at the end."""

    def row(self, what: str) -> str:
        """One line of the cost table."""
        recipe = self.recipe
        losses = ", ".join(f"{name} {value:.3g}" for name, value in self.last.items() if name != "learning_rate")
        return f"| {what} | {recipe.steps:,} × {recipe.batch_size} | {recipe.learning_rate:g} | {self.seconds / 60:.0f} | {self.dollars:.3f} | {losses} |"


COST_HEAD = "| part | steps × batch | learning rate | minutes, one core | US$ at 0.05 a core-hour | at the end |\n|---|---|---|---|---|---|"


def _cost_table(spent: dict[str, StageCost]) -> str:
    return "\n".join([COST_HEAD, *(cost.row(what) for what, cost in spent.items())])


def pair(name: str, shape: Shape, spent: dict[str, StageCost], parameters: int) -> dict[str, Any]:
    """Summary and prose of a dual encoder."""
    judge = shape.with_combinations
    role = (
        "Scores images and nothing else: it has another shape, another seed and another vocabulary than the encoder that conditions the base, and it "
        "has seen the held-out combinations, so that it can tell whether one was drawn. Its last lesson sets every image against all names of the "
        "gallery, and half of the images are real ones through the base's autoencoder with noise on the latent (`trainers/lab/models/judge.py`), so that loss "
        "of detail is not taken for another thing. It has never seen a drawn image."
        if judge
        else "Its text tower is the text encoder of `emoji-sd`, frozen."
    )
    prose = f"""# {name}

A CLIP of {parameters / 1e6:.2f}M parameters that matches English emoji names with 64-px images. {role}

{LAB}

- Text: {shape.text_layers} × {shape.text_width}, 16 tokens, byte-level BPE of 3,000 pieces. Images: {shape.vision_layers} × {shape.vision_width}, patch {shape.patch}.
- Data: `emoji`, English names and keywords, {"all" if judge else "without held-out combinations"}; shifted, turned, scaled, blurred and noised images.
- Loss: symmetric InfoNCE. Recipe: `python -m trainers.lab.models.clip {name}`, seed {shape.recipe.seed}.

{_cost_table(spent)}
"""
    summary = (
        "Judge of generated emoji, independent of the base"
        if judge
        else "Dual encoder of English text and emoji; its text tower conditions emoji-sd"
    )
    return {"summary": summary, "prose": prose}


def multilingual(
    table: dict[str, dict[str, dict[str, float]]], world: World, spent: StageCost, parameters: int
) -> dict[str, Any]:
    """Summary and prose of the multilingual encoder, with recall for every language."""
    rows = []
    for tag, splits in table.items():
        cells = [
            f"{splits[split]['r1']:.2f} / {splits[split]['r10']:.2f}" if split in splits else "–"
            for split in ("seen", "pairs", "languages")
        ]
        rows.append(f"| {world.languages[tag]['name']} (`{tag}`) | {' | '.join(cells)} |")
    prose = f"""# emoji-xlmr

An XLM-R of {parameters / 1e6:.2f}M parameters (4 × 192, unigram vocabulary of 16,000 pieces, up to {LENGTH} tokens) that has read emoji names and keywords in 105
languages. Frozen under every module of the lab.

{LAB}

## What it has seen

- Alignment (a text finds its concept among learned vectors, from the first state and from the mean): split `seen` only.
- Masked language modelling ({MASK_SHARE:.0%} of the tokens): the same, and the texts of held-out languages ({", ".join(f"`{tag}`" for tag in HELD_OUT_LANGUAGES)}),
  each alone, never with its meaning.
- Never: names or keywords of held-out pairs (`pairs`, `validation`) and of held-out combinations.
- Drawn more often than the rest: {", ".join(f"`{tag}` × {weight:g}" for tag, weight in FOCUS.items())}.

Recipe: `python -m trainers.lab.models.encoder`, seed {spent.recipe.seed}.

{_cost_table({"encoder": spent})}

## Cross-lingual retrieval

Recall@1 / @10 of the right English name among {len(world.gallery()):,} (chance {1 / len(world.gallery()):.4f} / {10 / len(world.gallery()):.4f}), by cosine of mean
states; measured by `python -m trainers.lab.models.ship emoji-xlmr`. `seen` is fit; `pairs` and `languages` are transfer.

| language | seen | pairs | languages |
|---|---|---|---|
{chr(10).join(rows)}
"""
    return {"summary": "Small XLM-R that has read emoji names in 105 languages", "prose": prose}


def base(spent: dict[str, StageCost], parameters: dict[str, int]) -> dict[str, Any]:
    """Summary and prose of the base."""
    prose = f"""# emoji-sd

A Stable Diffusion that has read English only: `StableDiffusionPipeline` in the real diffusers classes, {parameters["unet"] / 1e6:.2f}M parameters in the denoiser,
{parameters["vae"] / 1e6:.2f}M in the autoencoder (64 × 64 images, 16 × 16 × 4 latents), and the text tower of `emoji-clip` ({parameters["text_encoder"] / 1e6:.2f}M, 16 tokens × 128). Frozen ever
after; modules teach it other languages.

{LAB}

```python
from hub import load_pipeline

load_pipeline("emoji-sd")("red heart", guidance_scale=2.5, num_inference_steps=20).images[0]
```

- Data: images and English names of `emoji`, without held-out combinations; of held-out flags the country's word alone.
- v-prediction, zero terminal SNR, DDIM with trailing steps; best at guidance 2 to 3.
- Recipe: `python -m trainers.lab.models.vae`, `… .clip emoji-clip`, `… .base` (seeds 1, 2, 3), or all with `make lab`.

{_cost_table(spent)}
"""
    return {"summary": "Tiny Stable Diffusion of emoji that reads English only: the lab's frozen base", "prose": prose}
