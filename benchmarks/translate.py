"""Measure the cost of prompts through a language module against translating the same prompts to English first.

python -m benchmarks.translate mulan-yo translate-yo
"""

from __future__ import annotations

import sys

from benchmarks.clock import compare

PROMPTS = ("ọkàn pupa", "erin", "ajá", "ẹja", "òṣùpá", "ilé", "igi", "omi")


def main(direct: str = "mulan-yo", translated: str = "translate-yo", base: str = "emoji-sd") -> None:
    """Time the embeddings of one prompt and of eight, in turn, and a complete image."""
    import torch
    from diffusers.utils import logging

    from hub import load_pipeline
    from hub.local import LocalHub

    logging.disable_progress_bar()
    hub = LocalHub.open()
    pipes = [load_pipeline(base, adapter=name, hub=hub) for name in (direct, translated)]
    for pipe in pipes:
        pipe.set_progress_bar_config(disable=True)

    def encode(pipe: object, texts: list[str]) -> None:
        pipe.encode_prompt(texts, pipe.device, 1, False)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    for count in (1, len(PROMPTS)):
        texts = list(PROMPTS[:count])
        compare(
            f"embeddings of {count} prompts: through a module",
            lambda texts=texts: encode(pipes[0], texts),
            lambda texts=texts: encode(pipes[1], texts),
            "translated to English, then read by the base's own encoder",
        ).report(prompts=count, direct=direct, translated=translated)
    compare(
        "one image of 20 steps: prompt through a module",
        lambda: pipes[0](PROMPTS[0], num_inference_steps=20, output_type="latent"),
        lambda: pipes[1](PROMPTS[0], num_inference_steps=20, output_type="latent"),
        "prompt translated to English first",
    ).report(direct=direct, translated=translated)


if __name__ == "__main__":
    main(*sys.argv[1:])
