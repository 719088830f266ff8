"""The committed bases of the lab generate images of English prompts, as unmodified diffusers pipelines."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline

from hub.bases.family import missing_components
from tests.builders import ROOT
from trainers.corpora.emoji_dataset import World
from trainers.evaluation.judge import Judge

PROMPTS = ("red heart", "camel", "palm tree", "police car")


@pytest.mark.slow
@pytest.mark.parametrize("base", ["emoji-sd", "emoji-dit"])
def test_a_base_of_the_lab_generates_images_that_the_judge_recognises(base: str) -> None:
    folder = ROOT / "cards" / "bases" / base
    pipe = DiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, **missing_components(folder))
    pipe.set_progress_bar_config(disable=True)
    noise = [torch.Generator().manual_seed(place) for place in range(len(PROMPTS))]
    images = pipe(list(PROMPTS), num_inference_steps=12, guidance_scale=2.5, generator=noise, output_type="pt").images
    judge = Judge.from_folder(ROOT / "cards" / "encoders" / "emoji-judge", "emoji-judge")
    world = World()
    names = {row.concept: row.name for row in world.named("en")}
    gallery = [names[concept] for concept in world.gallery()]
    scores = F.normalize(judge.image_features(images), dim=1) @ judge.text_features(gallery).T
    nearest = [[gallery[place] for place in row.topk(5).indices] for row in scores]
    assert all(prompt in found for prompt, found in zip(PROMPTS, nearest, strict=True)), nearest
