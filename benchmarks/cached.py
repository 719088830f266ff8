"""Encode a prompt with cached embeddings, against a new prompt and the base's own encoder, on a full-size SD 1.5.

Calls `encode_prompt` with guidance, as the pipeline does, with an explicit device, which diffusers takes milliseconds to determine.
"""

from __future__ import annotations

import itertools
import json
import statistics
from typing import Any

from benchmarks.clock import milliseconds
from benchmarks.full_size import adapters, arguments, base, encoder, quiet, scratch

TURNS = 6
IN_A_ROW = 20


def main() -> None:
    """Measure in turn a new prompt, the base's own encoder, and cache hits."""
    import torch

    from hub import load_pipeline

    options = arguments(__doc__)
    with scratch(options.scratch) as folder, torch.no_grad():
        quiet()
        dtype = torch.float32 if options.device == "cpu" else torch.float16
        pipe = load_pipeline(
            base(folder), adapters(folder, 1), device=options.device, dtype=dtype, encoder=encoder(folder)
        )
        place = torch.device(options.device)

        def encode(text: str, language: str) -> Any:
            answer = pipe.encode_prompt(text, place, 1, True, language=language)
            if place.type == "cuda":
                torch.cuda.synchronize()
            return answer

        numbers = itertools.count()
        encode("okan pupa", "yo")
        new, own, first, hits = [], [], [], []
        for _ in range(TURNS):
            new.append(milliseconds(lambda: encode(f"oko {next(numbers)}", "yo")))
            own.append(milliseconds(lambda: encode("a red heart", "en")))
            first.append(milliseconds(lambda: encode("okan pupa", "yo")))
            hits += [milliseconds(lambda: encode("okan pupa", "yo")) for _ in range(IN_A_ROW)]
        found = {"hit_ms": hits, "first_hit_ms": first, "new_prompt_ms": new, "base_encoder_ms": own}
        medians = {name: round(statistics.median(each), 3) for name, each in found.items()}
        more = {"hit_least_ms": round(min(hits), 3), "ratio": round(medians["hit_ms"] / medians["base_encoder_ms"], 5)}
        claim = "cached embeddings take at most 1 ms"
        peer = {"peer_is": "the base's own CLIP encoder, which caches nothing", "device": options.device}
        print(json.dumps({"claim": claim, **medians, **more, **peer}, indent=2))


if __name__ == "__main__":
    main()
