"""Eight prompts in five languages in one denoising pass, beside one pass per language."""

from __future__ import annotations

from benchmarks.clock import compare
from benchmarks.switch import MODULES

PROMPTS = (
    ("yo", "ọkàn pupa"),
    ("sw", "moyo mwekundu"),
    ("hi", "लाल दिल"),
    ("zh", "红心"),
    ("ar", "قلب أحمر"),
    ("yo", "erin"),
    ("sw", "tembo"),
    ("zh", "大象"),
)
STEPS = 4


def main() -> None:
    """Compare on the lab's base."""
    from diffusers.utils import logging

    from hub import load_pipeline
    from hub.local import LocalHub

    logging.disable_progress_bar()
    pipe = load_pipeline("emoji-sd", adapter=MODULES, hub=LocalHub.open())
    pipe.set_progress_bar_config(disable=True)
    texts, tags = [text for _, text in PROMPTS], [tag for tag, _ in PROMPTS]

    def together() -> None:
        pipe(texts, language=tags, num_inference_steps=STEPS, output_type="latent")

    def apart() -> None:
        for tag in dict.fromkeys(tags):
            own = [text for each, text in PROMPTS if each == tag]
            pipe(own, language=tag, num_inference_steps=STEPS, output_type="latent")

    compare(
        "eight prompts in five languages in one pass", together, apart, "one pass per language", repetitions=10
    ).report(prompts=len(PROMPTS), languages=len(set(tags)))


if __name__ == "__main__":
    main()
