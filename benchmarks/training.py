"""Measure what caching frozen outputs, sharing one denoiser between teacher and student, and a second process save."""

from __future__ import annotations

import copy
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.clock import compare

BATCH = 64
REPETITIONS = 8


def main() -> None:
    """Measure every claim and print one JSON object for each."""
    from hub.local import LocalHub
    from trainers.run import RunRequest, prepare

    order = RunRequest(
        method="pea", base="emoji-sd", encoder="emoji-xlmr", corpus="emoji", languages=("yo",), device="cpu",
    )  # fmt: skip
    with LocalHub.open() as hub:
        ready = prepare(order, hub, torch.device("cpu"), quiet=True)
        ready.features.fill(ready.plan.needs)
        text_side(ready)
        text_side_at_full_size()
        shared_denoiser(ready)
        batch_share(ready)
    two_processes()


def text_side(ready: Any) -> None:
    """Compare a step of token distillation on cached states with one that runs both frozen encoders."""
    from trainers.learners.losses import mean_cosine, token_mse
    from trainers.objectives.token_distillation import TokenDistillation

    features, module, draws = ready.features, module_for(ready), Draws(ready)
    method = TokenDistillation(module, features)
    teacher_MSC = features.teacher_sample().tokens_BLC
    mean_C = teacher_MSC.mean(dim=(0, 1))
    deviation_C = teacher_MSC.flatten(0, 1).std(dim=0).clamp_min(1e-4)

    def uncached(rows_B: Tensor) -> Tensor:
        states_BLE, mask_BL = features.encoder.encode([features.texts_N[row] for row in rows_B], features.length)
        student_BSC = module(states_BLE, mask_BL).tokens_BLC
        teacher_BSC = features.base.text_states([features.english_M[features.meaning_N[row]] for row in rows_B])
        return token_mse(student_BSC, teacher_BSC, deviation_C) + mean_cosine(student_BSC, teacher_BSC, mean_C)

    steps = (
        lambda: update(module, lambda: method.loss(draws.next()).total),
        lambda: update(module, lambda: uncached(draws.next().indices_B)),
    )
    compare(
        "a text-side step on cached states takes at most a tenth of one that runs the frozen encoders",
        *steps,
        "the same step with both encoders run",
        REPETITIONS,
    ).report(batch=BATCH, processor_ratio=processor_ratio(*steps))


def text_side_at_full_size(batch: int = 4, length: int = 77) -> None:
    """Compare the same with random encoders of full size: XLM-R-base and the text encoder of CLIP ViT-L/14."""
    from transformers import CLIPTextConfig, CLIPTextModel, XLMRobertaConfig, XLMRobertaModel

    from hub.systems.pea.projector import Projector
    from trainers.learners.losses import mean_cosine, token_mse

    torch.manual_seed(0)
    student_encoder = XLMRobertaModel(
        XLMRobertaConfig(
            vocab_size=250_002, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
            max_position_embeddings=514,
        ),
        add_pooling_layer=False,
    ).eval()  # fmt: skip
    teacher_encoder = CLIPTextModel(
        CLIPTextConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
    ).eval()
    module = Projector(in_width=768, out_width=768, hidden_width=768, linears=3)
    ids_BL, english_BL = torch.randint(5, 250_000, (batch, length)), torch.randint(5, 49_000, (batch, length))
    mean_C, deviation_C = torch.zeros(768), torch.ones(768)
    with torch.no_grad():
        states_BLE = student_encoder(ids_BL).last_hidden_state
        teacher_BLC = teacher_encoder(english_BL).last_hidden_state

    def loss(read_BLE: Tensor, wanted_BLC: Tensor) -> Tensor:
        given_BLC = module(read_BLE, None).tokens_BLC
        return token_mse(given_BLC, wanted_BLC, deviation_C) + mean_cosine(given_BLC, wanted_BLC, mean_C)

    def uncached() -> Tensor:
        with torch.no_grad():
            read, wanted = student_encoder(ids_BL), teacher_encoder(english_BL)
        return loss(read.last_hidden_state, wanted.last_hidden_state)

    steps = (lambda: update(module, lambda: loss(states_BLE, teacher_BLC)), lambda: update(module, uncached))
    compare(
        "at the size of the originals a text-side step on cached states takes at most a tenth",
        *steps,
        "the same step with XLM-R-base and the text encoder of CLIP ViT-L/14 run",
        REPETITIONS,
    ).report(batch=batch, tokens=length, processor_ratio=processor_ratio(*steps))


def shared_denoiser(ready: Any) -> None:
    """Compare PEA's step with one frozen denoiser with the original, which has two copies and caches nothing."""
    from trainers.learners.losses import feature_mse, prediction_mse
    from trainers.objectives.hybrid_distillation import HybridDistillation
    from trainers.objectives.noise import add_noise, outputs_of

    features, module = ready.features, module_for(ready)
    base, method = features.base, HybridDistillation(module, features)
    teacher = copy.deepcopy(base.unet)

    def two_copies(draw: Any) -> Tensor:
        rows_B = draw.indices_B
        concepts = [features.concept_M[features.meaning_N[row]] for row in rows_B]
        batch = add_noise(base.latents(features.corpus.images(concepts)), base, draw.generator)
        english_B = [features.english_M[features.meaning_N[row]] for row in rows_B]
        with torch.no_grad(), outputs_of(blocks_of(teacher)) as theirs:
            # The original encodes the empty prompt for the whole batch at every step, although it drops only a tenth.
            base.text_states([""] * len(rows_B))
            answer = teacher(batch.noised_BKHW, batch.steps_B, encoder_hidden_states=base.text_states(english_B)).sample
        states_BLE, mask_BL = features.encoder.encode([features.texts_N[row] for row in rows_B], features.length)
        with outputs_of(blocks_of(base.unet)) as ours:
            student = base.predict(batch.noised_BKHW, batch.steps_B, module(states_BLE, mask_BL).tokens_BLC)
        return prediction_mse(student, answer) + 0.1 * feature_mse([*ours.values()], [*theirs.values()])

    small = Draws(ready, BATCH // 2)
    steps = (
        lambda: update(module, lambda: method.loss(small.next()).total),
        lambda: update(module, lambda: two_copies(small.next())),
    )
    comparison = compare(
        "a step of `pea` with one denoiser takes at most 0.75 of the two-copy original's time",
        *steps,
        "two denoisers; autoencoder and encoders run every step",
        REPETITIONS,
    )
    denoiser, rest = weight_bytes(base.unet), weight_bytes(module)
    frozen = sum(map(weight_bytes, (features.encoder.model, base.text_encoder, base._vae)))  # noqa: SLF001
    comparison.report(
        batch=BATCH // 2,
        weights_ratio=round((denoiser + rest) / (2 * denoiser + rest + frozen), 4),
        processor_ratio=processor_ratio(*steps),
        denoisers_alone_ratio=round(denoiser / (2 * denoiser), 4),
    )


def batch_share(ready: Any) -> None:
    """Measure the share of a text-side step that is spent on sampling the batch and looking up its rows."""
    from trainers.objectives.token_distillation import TokenDistillation

    features, module, draws = ready.features, module_for(ready), Draws(ready)
    method = TokenDistillation(module, features)

    def fetch() -> None:
        rows_B = draws.next().indices_B
        features.encoder_states(rows_B)
        features.teacher_tokens(rows_B)

    whole, data = [
        min(seconds(call) for _ in range(4 * REPETITIONS))
        for call in (lambda: update(module, lambda: method.loss(draws.next()).total), fetch)
    ]
    claim = "the core is busy with the model for at least 0.9 of a text-side step"
    print(json.dumps({"claim": claim, "busy": round(1 - data / whole, 4), "step_ms": round(1e3 * whole, 2)}, indent=2))


def two_processes(steps: int = 60) -> None:
    """Compare a run in two connected processes on CPUs with the same in one, and its losses with those of one in two parts."""
    one, ours = trained(steps, parts=1)
    _, parts = trained(steps, parts=2)
    two, theirs = trained(steps, processes=2)
    apart = max(abs(a - b) / abs(a) for a, b in zip(parts, theirs, strict=True))
    found = {
        "claim": "two processes take at most 1/1.8 of the time of one, and give the losses of one that takes its batches in two parts",
        "ratio": round(two / one, 4), "wanted": round(1 / 1.8, 4), "seconds": [round(one, 2), round(two, 2)],
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "losses_apart": apart, "logged": len(ours),
    }  # fmt: skip
    print(json.dumps(found, indent=2), flush=True)


def trained(steps: int, *, parts: int = 1, processes: int = 1) -> tuple[float, list[float]]:
    """Train `mulan` on the lab through the denoiser; return the seconds of its phase and its logged losses."""
    launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes), "--master-port", str(free_port())]
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text("method: mulan\nphases: {denoise: {batch_size: 32, precision: 'no'}}\n", encoding="utf-8")
        script = Path(folder) / "run_command.py"
        script.write_text("from hub.cli import main\n\nmain()\n", encoding="utf-8")
        command = [
            sys.executable, *(launcher if processes > 1 else []), str(script), "train", "mulan", "--recipe", str(recipe), "--lang",
            "yo", "--device", "cpu", "--steps", str(steps), "--accumulate", str(parts), "--no-evaluate", "--json", "--out", f"{folder}/run",
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
        place = Path(folder) / "run" / "0-denoise"
        losses = [json.loads(line)["loss"] for line in (place / "metrics.jsonl").read_text().splitlines()]
        return json.loads((place / "finished.json").read_text())["seconds"], losses


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        port: int = opened.getsockname()[1]
    return port


class Draws:
    """The batches of a run in order."""

    def __init__(self, ready: Any, count: int = BATCH) -> None:
        from trainers.loop.sampler import Sampler

        features = ready.features
        self._sampler = Sampler(len(features.weights_N), count, 0, features.weights_N)
        self._step = 0

    def next(self) -> Any:
        """Return the next one."""
        from trainers.loop.method import Draw
        from trainers.loop.sampler import generator_of

        self._step += 1
        return Draw(self._step, self._sampler.draw(self._step), generator_of(0, "noise", self._step, 0))


def module_for(ready: Any) -> nn.Module:
    torch.manual_seed(0)
    return ready.plan.learner(ready.features.base, ready.features.encoder).module


def update(module: nn.Module, loss: Callable[[], Tensor]) -> None:
    """Run the forward and backward pass and AdamW."""
    optimizer = module.__dict__.get("optimizer") or torch.optim.AdamW(module.parameters(), lr=1e-4, fused=True)
    module.__dict__["optimizer"] = optimizer
    loss().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def blocks_of(unet: Any) -> dict[int, nn.Module]:
    return dict(enumerate([*unet.down_blocks, unet.mid_block, *unet.up_blocks]))


def weight_bytes(part: nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in part.parameters())


def processor_ratio(ours: Callable[[], object], peer: Callable[[], object]) -> float:
    """Return the ratio of the minimum processor times, measured in turn; unlike wall time, other jobs hardly affect it."""
    least = [float("inf"), float("inf")]
    for _ in range(REPETITIONS):
        for place, call in enumerate((ours, peer)):
            started = time.process_time()
            call()
            least[place] = min(least[place], time.process_time() - started)
    return round(least[0] / least[1], 4)


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
