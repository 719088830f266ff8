"""Train `emoji-clip` and `emoji-judge`, two independent dual encoders of English text and emoji images.

    python -m trainers.lab.models.clip emoji-clip
    python -m trainers.lab.models.clip emoji-judge

The text encoder of `emoji-clip` conditions the base. `emoji-judge` has a different architecture, seed and tokenizer, is
also trained on held-out combinations, and is only used for scoring. The loss is symmetric InfoNCE (Radford et al. 2021,
fig. 3) where all captions of one concept are positives.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPTextConfig,
    CLIPTokenizer,
    CLIPVisionConfig,
)

from trainers.corpora.emoji_dataset import Name, World
from trainers.lab.dataset.captions import english_names, make_captions, tokenise
from trainers.lab.models import judge
from trainers.lab.models.pairs import LENGTH, augment, to_unit
from trainers.lab.stage_options import make_parser, scale_steps
from trainers.loop.loop import train
from trainers.loop.method import Draw, Loss
from trainers.loop.recipe import Recipe

START, END = "<|startoftext|>", "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Shape:
    """The differences between the two dual encoders."""

    text_layers: int
    text_width: int
    vision_layers: int
    vision_width: int
    patch: int
    projection: int
    with_combinations: bool
    recipe: Recipe
    refine: Recipe | None = None
    """A second run that starts from the end of the first."""
    sharpen: Recipe | None = None
    """A third run that contrasts with the whole gallery: `trainers.lab.models.judge`. Needs the autoencoder."""


RECIPE = Recipe(
    steps=1300, batch_size=128, learning_rate=1e-3, betas=(0.9, 0.98), weight_decay=0.05, warmup_steps=100, seed=2
)
SHAPES = {
    "emoji-clip": Shape(
        text_layers=4,
        text_width=128,
        vision_layers=4,
        vision_width=128,
        patch=8,
        projection=128,
        with_combinations=False,
        recipe=RECIPE,
    ),
    "emoji-judge": Shape(
        text_layers=3,
        text_width=160,
        vision_layers=5,
        vision_width=144,
        patch=8,
        projection=192,
        with_combinations=True,
        recipe=replace(RECIPE, steps=1600, seed=77),
        refine=replace(RECIPE, steps=1100, learning_rate=7e-4, warmup_steps=50, seed=78),
        sharpen=replace(RECIPE, steps=1800, learning_rate=5e-4, warmup_steps=50, seed=79),
    ),
}


def make_tokenizer(texts: list[str], vocabulary: int = 3000) -> CLIPTokenizer:
    """Train CLIP's byte-level BPE on `texts`; other scripts are read as bytes."""
    template = CLIPTokenizer().backend_tokenizer
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = template.normalizer
    tokenizer.pre_tokenizer = template.pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 258,
        end_of_word_suffix="</w>",
        continuing_subword_prefix="",
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    words = sorted(learned["vocab"], key=learned["vocab"].get)
    # The order of CLIP's vocabulary: every byte, every byte at the end of a word, then the learned pieces.
    order = [*alphabet, *(f"{byte}</w>" for byte in alphabet)]
    order += [word for word in words if word not in set(order)] + [START, END]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learned["merges"]]
    return CLIPTokenizer(
        vocab={word: index for index, word in enumerate(order)}, merges=merges, model_max_length=LENGTH
    )


def make_clip(shape: Shape, tokenizer: CLIPTokenizer) -> CLIPModel:
    """Return a small untrained `CLIPModel`."""
    torch.manual_seed(shape.recipe.seed)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.text_width,
        intermediate_size=4 * shape.text_width,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=4,
        max_position_embeddings=LENGTH,
        projection_dim=shape.projection,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,  # must not be 2, for which transformers pools at another position
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=shape.vision_width,
        intermediate_size=4 * shape.vision_width,
        num_hidden_layers=shape.vision_layers,
        num_attention_heads=4,
        image_size=64,
        patch_size=shape.patch,
        projection_dim=shape.projection,
    )
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=shape.projection)
    # The backward pass of fused attention is slow on CPUs for short sequences.
    return cast(CLIPModel, AutoModel.from_config(config, attn_implementation="eager"))


class ContrastiveTraining:
    """Trains a dual encoder to match captions with images."""

    example_weights: Tensor | None = None

    def __init__(self, module: CLIPModel, tokens_NVL: Tensor, images_N3HW: Tensor, device: torch.device) -> None:
        self.module = module
        self.example_count = len(tokens_NVL)
        self._tokens_NVL = tokens_NVL
        self._images_N3HW = images_N3HW
        self._device = device

    def loss(self, draw: Draw) -> Loss:
        """Return the symmetric InfoNCE over the batch."""
        which_B = torch.randint(0, self._tokens_NVL.shape[1], draw.indices_B.shape, generator=draw.generator)
        ids_BL = self._tokens_NVL[draw.indices_B, which_B].to(self._device)
        x_B3HW = augment(to_unit(self._images_N3HW[draw.indices_B]).to(self._device), draw.generator)
        out = self.module(input_ids=ids_BL, pixel_values=x_B3HW)
        logits_BB = out.logits_per_text.float()
        concept_B = draw.indices_B.to(self._device)
        target_BB = (concept_B[:, None] == concept_B[None, :]).float()
        target_BB = target_BB / target_BB.sum(dim=1, keepdim=True)
        loss = (F.cross_entropy(logits_BB, target_BB) + F.cross_entropy(logits_BB.T, target_BB)) / 2
        recall = (logits_BB.argmax(1) == torch.arange(len(logits_BB), device=self._device)).float().mean()
        return Loss(loss, {"recall": recall.detach(), "scale": self.module.logit_scale.detach().exp()})


def make_processor() -> CLIPImageProcessorPil:
    """Return the image processor used in training: 64 px, −1…1."""
    half = [0.5, 0.5, 0.5]
    return CLIPImageProcessorPil(
        size={"shortest_edge": 64}, crop_size={"height": 64, "width": 64}, image_mean=half, image_std=half
    )


def prepare(world: World, shape: Shape) -> tuple[CLIPTokenizer, list[Name], Tensor, Tensor]:
    """Return the tokenizer, the rows, their token ids (N, V, L) and their images (N, 3, 64, 64)."""
    rows = english_names(world, with_combinations=shape.with_combinations)
    seed = shape.recipe.seed
    captions = [
        make_captions(row, names_only=False, with_combinations=shape.with_combinations, seed=seed) for row in rows
    ]
    tokenizer = make_tokenizer([caption for variants in captions for caption in variants])
    tokens_NVL = torch.stack([tokenise(tokenizer, variants, LENGTH) for variants in captions])
    return tokenizer, rows, tokens_NVL, torch.stack([world.image(row.concept) for row in rows])


@torch.no_grad()
def measure_recall(clip: CLIPModel, tokenizer: CLIPTokenizer, world: World) -> dict[str, float]:
    """Return the recall over the gallery of base concepts, real images against English names, in both directions."""
    names = {row.concept: row.name for row in world.named("en")}
    gallery = world.gallery()
    device = clip.device
    text = clip.get_text_features(tokenise(tokenizer, [names[id] for id in gallery], LENGTH).to(device)).pooler_output
    images = to_unit(torch.stack([world.image(id) for id in gallery])).to(device)
    image = torch.cat([clip.get_image_features(chunk).pooler_output for chunk in images.split(128)])
    scores = F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
    result: dict[str, float] = {}
    for way, matrix in (("image_to_text", scores), ("text_to_image", scores.T)):
        rank = (matrix > matrix.diagonal()[:, None]).sum(1)
        result |= {f"{way}_r{k}": (rank < k).float().mean().item() for k in (1, 5, 10)}
    return result


def main() -> None:
    """Train one dual encoder and save it below the work folder."""
    parser = make_parser(__doc__)
    parser.add_argument("name", choices=list(SHAPES))
    arguments = parser.parse_args()
    shape = SHAPES[arguments.name]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    world = World()
    tokenizer, rows, tokens_NVL, images_N3HW = prepare(world, shape)
    clip = make_clip(shape, tokenizer).to(device)
    method = ContrastiveTraining(clip, tokens_NVL, images_N3HW, device)
    run = arguments.work / f"{arguments.name}-run"
    train(method, scale_steps(shape.recipe, arguments.share), run, checkpoint_every=200, label=arguments.name)
    if shape.refine is not None:
        refined = arguments.work / f"{arguments.name}-refine-run"
        refine = scale_steps(shape.refine, arguments.share)
        train(method, refine, refined, checkpoint_every=100, label=f"{arguments.name}, refined")
    if shape.sharpen is not None:
        vae = AutoencoderKL.from_pretrained(arguments.work / "vae").eval().to(device)
        gallery_contrast = judge.prepare(clip, tokenizer, world, rows, tokens_NVL, images_N3HW, vae, shape.sharpen.seed)
        sharpened = arguments.work / f"{arguments.name}-sharpen-run"
        sharpen = scale_steps(shape.sharpen, arguments.share)
        train(gallery_contrast, sharpen, sharpened, checkpoint_every=100, label=f"{arguments.name}, sharpened")
    clip.eval()
    print(arguments.name, measure_recall(clip, tokenizer, world))
    target = arguments.work / arguments.name
    clip.save_pretrained(target)
    tokenizer.save_pretrained(target)
    make_processor().save_pretrained(target)


if __name__ == "__main__":
    main()
