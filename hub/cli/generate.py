"""`hub generate`: draw prompts in any language that a module reads."""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from hub.errors import WrongRequest

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_BASE = "emoji-sd"
"""The base that comes with the project."""
AT_ONCE = 8
"""Prompts in one denoising pass, so that memory does not grow with their number."""


def generate(
    prompts: Annotated[list[str], Argument(metavar="PROMPT...", help="What to draw, in any language a module reads.")],
    base: Annotated[
        str, Option(help="Name or folder of the base; the adapter's own if it has one.", show_default=False)
    ] = "",
    adapter: Annotated[
        list[str] | None, Option(help="Name or folder of a language module; several may be given.", show_default=False)
    ] = None,
    language: Annotated[
        list[str] | None,
        Option("--language", "--lang", help="Of all prompts, or one for each; detected otherwise.", show_default=False),
    ] = None,
    negative: Annotated[str, Option(help="What not to draw.", show_default=False)] = "",
    seed: Annotated[int, Option(min=0, help="The same seed draws the same picture.")] = 0,
    steps: Annotated[int, Option(min=1, max=1000, help="Denoising steps.")] = 25,
    guidance: Annotated[
        float, Option(min=0.0, help="2 to 3 suits emoji-sd, 7.5 Stable Diffusion 1.5; 1 is none.")
    ] = 3.0,
    output: Annotated[Path, Option("--output", "-o", help="A PNG file; several prompts are numbered.")] = Path(
        "picture.png"
    ),
    grid: Annotated[bool, Option("--grid", help="All prompts in one picture.")] = False,
    device: Annotated[str, Option(help="cuda, cpu …; a GPU if there is one.", show_default=False)] = "",
    as_objects: Annotated[bool, Option("--json", help="Print a list of objects, for programs.")] = False,
) -> None:
    """Draw pictures of prompts."""
    languages = language or []
    if len(languages) not in {0, 1, len(prompts)}:
        raise WrongRequest(
            f"--language is given {len(languages)} times for {len(prompts)} prompts: give it once, or once for each."
        )
    if output.suffix.lower() != ".png":
        raise WrongRequest(f"`{output}` is no PNG file: end the name of --output in .png.")
    if not all(prompt.strip() for prompt in prompts):
        raise WrongRequest("a prompt is empty: say what to draw.")
    names = adapter or []
    started = time.perf_counter()
    pipe, base = _load(base, names, device, quiet=as_objects)
    loaded = time.perf_counter()
    pictures = _draw(pipe, prompts, languages, negative=negative, seed=seed, steps=steps, guidance=guidance)
    drawn = time.perf_counter()

    made_by = {
        "Software": "linguahub",
        "base": base,
        "adapter": ", ".join(names),
        "negative prompt": negative,
        "seed": str(seed),
        "steps": str(steps),
        "guidance": f"{guidance:g}",
    }
    spoken = [languages[min(place, len(languages) - 1)] if languages else "" for place in range(len(prompts))]
    paths = _save(pictures, prompts, spoken, made_by, output, grid=grid)
    if as_objects:
        objects = [
            {"path": str(path), "prompt": prompt, "language": tag, "base": base, "adapters": names, "seed": seed, "steps": steps,
             "guidance": guidance, "load_seconds": round(loaded - started, 3), "draw_seconds": round(drawn - loaded, 3)}
            for path, prompt, tag in zip(paths, prompts, spoken, strict=True)
        ]  # fmt: skip
        print(json.dumps(objects, ensure_ascii=False, indent=2))
    else:
        for path in dict.fromkeys(paths):
            print(path)


def _load(base: str, names: list[str], device: str, *, quiet: bool) -> tuple[Any, str]:
    """The pipeline and the name of its base."""
    import diffusers
    import transformers

    from hub.loader import load_pipeline
    from hub.local import LocalHub

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    with LocalHub.open() as hub:
        base = base or _own_base(hub, names)
        if not quiet:
            print(f"Loading {' + '.join([base, *names])} …", file=sys.stderr, flush=True)
        # What libraries print while loading is no answer of this command.
        with redirect_stdout(sys.stderr):
            pipe: Any = load_pipeline(base, list(names) or None, device=device or None, hub=hub)
    pipe.set_progress_bar_config(disable=quiet)
    return pipe, base


def _own_base(hub: Any, names: list[str]) -> str:
    """The base that the first module was made for."""
    if not names or Path(names[0]).is_dir():
        return DEFAULT_BASE
    bases = hub.registry.get(names[0].partition("@")[0]).bases
    if len(bases) > 1 and DEFAULT_BASE not in bases:
        raise WrongRequest(f"`{names[0]}` is for several bases: choose with `--base`, one of {', '.join(bases)}.")
    return DEFAULT_BASE if DEFAULT_BASE in bases or not bases else str(bases[0])


def _draw(
    pipe: Any, prompts: list[str], languages: list[str], *, negative: str, seed: int, steps: int, guidance: float
) -> list[Image.Image]:
    """One picture for each prompt. Each has its own noise from `seed`, so that none depends on its neighbours."""
    import torch

    pictures: list[Image.Image] = []
    for first in range(0, len(prompts), AT_ONCE):
        batch = prompts[first : first + AT_ONCE]
        pictures += pipe(
            batch,
            language=languages[first : first + AT_ONCE]
            if len(languages) > 1
            else (languages[0] if languages else None),
            negative_prompt=[negative] * len(batch),
            generator=[torch.Generator().manual_seed(seed) for _ in batch],
            num_inference_steps=steps,
            guidance_scale=guidance,
        ).images
    return pictures


def _save(
    pictures: list[Image.Image],
    prompts: list[str],
    languages: list[str],
    made_by: dict[str, str],
    output: Path,
    *,
    grid: bool,
) -> list[Path]:
    """The file of each prompt."""
    from hub.loader.picture import arrange, save_png

    if grid:
        lines = {"prompt": "\n".join(prompts), "language": "\n".join(languages)}
        save_png(arrange(pictures), output, made_by | lines)
        return [output] * len(prompts)
    paths = (
        [output.with_stem(f"{output.stem}-{place}") for place in range(1, len(prompts) + 1)]
        if len(prompts) > 1
        else [output]
    )
    for path, picture, prompt, tag in zip(paths, pictures, prompts, languages, strict=True):
        save_png(picture, path, made_by | {"prompt": prompt, "language": tag})
    return paths
