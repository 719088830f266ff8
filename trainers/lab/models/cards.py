"""Write the summary and the prose of the lab models' cards."""

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
    "This is a lab model: it uses real data and the real model classes, and trains in minutes to an hour on one CPU core, so that anyone can "
    "reproduce every method and every score of the project. Its scores do not predict those of full-size models."
)


@dataclass(frozen=True, slots=True)
class StageCost:
    """The cost of one run."""

    recipe: Recipe
    seconds: float
    dollars: float
    """US dollars, at the price stated in the card."""
    last: dict[str, float]
    """Final losses and learning rate."""

    def row(self, what: str) -> str:
        """Return one line of the cost table."""
        recipe = self.recipe
        losses = ", ".join(f"{name} {value:.3g}" for name, value in self.last.items() if name != "learning_rate")
        return f"| {what} | {recipe.steps:,} × {recipe.batch_size} | {recipe.learning_rate:g} | {self.seconds / 60:.0f} | {self.dollars:.3f} | {losses} |"


COST_HEAD = "| part | steps × batch | learning rate | minutes, one core | US$ at 0.05 per core-hour | final losses |\n|---|---|---|---|---|---|"


def _cost_table(costs: dict[str, StageCost]) -> str:
    return "\n".join([COST_HEAD, *(cost.row(what) for what, cost in costs.items())])


def dual_encoder_card(name: str, shape: Shape, costs: dict[str, StageCost], parameters: int) -> dict[str, Any]:
    """Return the summary and the prose of a dual encoder."""
    is_judge = shape.with_combinations
    role = (
        "It is used only to score images. Its architecture, seed and vocabulary differ from those of the encoder that conditions the base, and it "
        "is trained on the held-out combinations, so that it can recognise them. In the last training phase every image is contrasted with all names of "
        "the gallery, and half of the images are real ones passed through the base's autoencoder with noise added to the latent "
        "(`trainers/lab/models/judge.py`), so that lost detail is not mistaken for a different emoji. It is never trained on generated images."
        if is_judge
        else "Its text encoder, frozen, is the text encoder of `emoji-sd`."
    )
    prose = f"""# {name}

A CLIP of {parameters / 1e6:.2f}M parameters that matches English emoji names with 64-px images. {role}

{LAB}

- Text: {shape.text_layers} × {shape.text_width}, 16 tokens, byte-level BPE of 3,000 pieces. Images: {shape.vision_layers} × {shape.vision_width}, patch {shape.patch}.
- Data: `emoji`, English names and keywords, {"all" if is_judge else "without held-out combinations"}; images are shifted, rotated, scaled, blurred and noised.
- Loss: symmetric InfoNCE. Recipe: `python -m trainers.lab.models.clip {name}`, seed {shape.recipe.seed}.

{_cost_table(costs)}
"""
    summary = (
        "Scores generated emoji, independently of the base"
        if is_judge
        else "Dual encoder for English text and emoji images; its text encoder conditions emoji-sd"
    )
    return {"summary": summary, "prose": prose}


def encoder_card(
    table: dict[str, dict[str, dict[str, float]]], world: World, costs: StageCost, parameters: int
) -> dict[str, Any]:
    """Return the summary and the prose of the multilingual encoder, with recall for every language."""
    rows = []
    for tag, splits in table.items():
        cells = [
            f"{splits[split]['r1']:.2f} / {splits[split]['r10']:.2f}" if split in splits else "–"
            for split in ("seen", "pairs", "languages")
        ]
        rows.append(f"| {world.languages[tag]['name']} (`{tag}`) | {' | '.join(cells)} |")
    prose = f"""# emoji-xlmr

An XLM-R of {parameters / 1e6:.2f}M parameters (4 × 192, unigram vocabulary of 16,000 pieces, up to {LENGTH} tokens) trained on emoji names and keywords in 105
languages. It is the frozen encoder of every module in the lab.

{LAB}

## Training data

- Alignment (classify the concept of a text among learned vectors, from the first state and from the mean): split `seen` only.
- Masked language modelling ({MASK_SHARE:.0%} of the tokens): the same, and texts of the held-out languages ({", ".join(f"`{tag}`" for tag in HELD_OUT_LANGUAGES)}),
  without their meaning.
- Not used: names and keywords of held-out pairs (`pairs`, `validation`) and of held-out combinations.
- Sampled more often than the rest: {", ".join(f"`{tag}` × {weight:g}" for tag, weight in FOCUS.items())}.

Recipe: `python -m trainers.lab.models.encoder`, seed {costs.recipe.seed}.

{_cost_table({"encoder": costs})}

## Cross-lingual retrieval

Recall@1 / @10 of the correct English name among {len(world.gallery()):,} (chance {1 / len(world.gallery()):.4f} / {10 / len(world.gallery()):.4f}), by the cosine of mean
states; measured with `python -m trainers.lab.models.export_cards emoji-xlmr`. `seen` is fit; `pairs` and `languages` are transfer.

| language | seen | pairs | languages |
|---|---|---|---|
{chr(10).join(rows)}
"""
    return {"summary": "Small XLM-R trained on emoji names in 105 languages", "prose": prose}


def base_card(costs: dict[str, StageCost], parameters: dict[str, int]) -> dict[str, Any]:
    """Return the summary and the prose of the base."""
    prose = f"""# emoji-sd

A Stable Diffusion that reads English only: a `StableDiffusionPipeline` of unmodified diffusers classes with {parameters["unet"] / 1e6:.2f}M parameters in the denoiser,
{parameters["vae"] / 1e6:.2f}M in the autoencoder (64 × 64 images, 16 × 16 × 4 latents), and the text encoder of `emoji-clip` ({parameters["text_encoder"] / 1e6:.2f}M, 16 tokens × 128). It stays
frozen; modules teach it other languages.

{LAB}

```python
from hub import load_pipeline

load_pipeline("emoji-sd")("red heart", guidance_scale=2.5, num_inference_steps=20).images[0]
```

- Data: images and English names of `emoji`, without held-out combinations; held-out flags only under the country's name.
- v-prediction, zero terminal SNR, DDIM with trailing steps; recommended guidance scale 2 to 3.
- Recipe: `python -m trainers.lab.models.vae`, `… .clip emoji-clip`, `… .base` (seeds 1, 2, 3), or all with `make lab`.

{_cost_table(costs)}
"""
    return {"summary": "Tiny Stable Diffusion for emoji that reads English only: the lab's frozen base", "prose": prose}


def dit_card(costs: StageCost, parameters: dict[str, int]) -> dict[str, Any]:
    """Return the summary and the prose of the base that is trained by flow matching."""
    prose = f"""# emoji-dit

A Stable Diffusion 3 that reads English only: a `StableDiffusion3Pipeline` of unmodified diffusers classes with {parameters["transformer"] / 1e6:.2f}M parameters in the
transformer ({parameters["layers"]} joint blocks of width {parameters["width"]}, patches of {parameters["patch"]} × {parameters["patch"]} latents), two text encoders of {parameters["text_encoder"] / 1e6:.2f}M each (16 tokens × 64), and no T5. The
autoencoder and the tokenizer are those of `emoji-sd`. It stays frozen; modules teach it other languages.

It is the lab's base of today's kind, for modules that are trained by flow matching on a transformer with joint attention and a pooled
vector. {LAB}

```python
from hub import load_pipeline

load_pipeline("emoji-dit")("red heart", guidance_scale=2.5, num_inference_steps=20).images[0]
```

- Data: images and English names of `emoji`, without held-out combinations; held-out flags only under the country's name.
- Rectified flow with logit-normal noise levels and without a shift, 10 % empty captions; recommended guidance scale 2 to 3.
- diffusers fills the tokens of a missing T5 with 256 zeros. Most batches of the training leave them out, so a module may return 16 tokens alone.
- Recipe: `python -m trainers.lab.models.dit` (seed {costs.recipe.seed}), or all with `make lab`.

{_cost_table({"transformer and text encoders": costs})}
"""
    return {
        "summary": "Tiny Stable Diffusion 3 for emoji that reads English only: the lab's frozen base for flow matching",
        "prose": prose,
    }
