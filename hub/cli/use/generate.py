"""`hub generate`: draw prompts in any language that a module reads."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from hub.cli.use.prompts import Prompt, from_arguments, from_file
from hub.errors import WrongRequest

if TYPE_CHECKING:
    from hub.local import LocalHub

DEFAULT_BASE = "emoji-sd"
"""The base that comes with the project."""


def generate(
    prompts: Annotated[
        list[str] | None,
        Argument(metavar="[PROMPT]...", help="What to draw, in any language a module reads.", show_default=False),
    ] = None,
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
    output: Annotated[
        Path, Option("--output", "-o", help="A PNG file, several prompts are numbered; with --batch a folder.")
    ] = Path("picture.png"),
    grid: Annotated[bool, Option("--grid", help="All prompts in one labelled picture.")] = False,
    side_by_side: Annotated[
        bool,
        Option("--compare", help="One labelled picture, a row a prompt: the base alone, then each adapter alone."),
    ] = False,
    batch: Annotated[
        str,
        Option(
            metavar="FILE", help="A prompt a line, or language TAB prompt; `-` is standard input.", show_default=False
        ),
    ] = "",
    resume: Annotated[bool, Option("--resume", help="With --batch: leave pictures that are there.")] = False,
    device: Annotated[str, Option(help="cuda, cpu …; a GPU if there is one.", show_default=False)] = "",
    as_objects: Annotated[bool, Option("--json", help="Print a list of objects, for programs.")] = False,
) -> None:
    """Draw pictures of prompts.

    A picture's text fields say what made it: prompt, base and adapters with their revisions, seed, steps, libraries.
    """
    asked = _asked(prompts or [], batch, language or [])
    one = grid or side_by_side
    if grid and side_by_side:
        raise WrongRequest("--grid and --compare are two pictures: ask for one of them.")
    if resume and (one or not batch):
        raise WrongRequest(
            "--resume goes on with a folder of pictures: give --batch FILE, without --grid and --compare."
        )
    paths = [output] if one else _paths(asked, output, in_folder=bool(batch))
    if any(path.suffix.lower() != ".png" for path in paths):
        raise WrongRequest(f"`{output}` is no PNG file: end the name of --output in .png.")

    from hub.cli.use.drawing import Job

    job = Job(negative=negative, seed=seed, steps=steps, guidance=guidance, quiet=as_objects)
    _load_into(job, base, adapter or [], device)
    if side_by_side:
        objects = job.compare(asked, output)
    elif grid:
        objects = job.grid(asked, output)
    else:
        objects = job.each(asked, paths, resume=resume)
    if as_objects:
        print(json.dumps(objects, ensure_ascii=False, indent=2))
    else:
        for path in dict.fromkeys(each["path"] for each in objects):
            print(path)


def _asked(prompts: list[str], batch: str, languages: list[str]) -> list[Prompt]:
    if batch and prompts:
        raise WrongRequest("prompts are given twice: as arguments, or with --batch FILE.")
    if not batch and not prompts:
        raise WrongRequest('there is nothing to draw: `hub generate "ọkàn pupa"`, or `--batch prompts.txt`.')
    return from_file(batch, languages) if batch else from_arguments(prompts, languages)


def _paths(asked: list[Prompt], output: Path, *, in_folder: bool) -> list[Path]:
    """A file for each prompt. In a folder the number is that of the line, with zeros, so that names sort as lines do."""
    if in_folder:
        if output.suffix or output.is_file():
            raise WrongRequest(f"with --batch, -o is a folder, and `{output}` looks like a file: `-o pictures` say.")
        digits = max(4, len(str(asked[-1].number)))
        return [output / f"{prompt.number:0{digits}}.png" for prompt in asked]
    if len(asked) == 1:
        return [output]
    return [output.with_stem(f"{output.stem}-{prompt.number}") for prompt in asked]


def _load_into(job: Any, base: str, names: list[str], device: str) -> None:
    """Load the base with its modules, with one line of what is going on."""
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        base = base or _own_base(hub, names)
        print(f"Loading {' + '.join([base, *names])} …", file=sys.stderr, flush=True)
        # What libraries print while loading is no answer of this command.
        with redirect_stdout(sys.stderr):
            job.load(hub, base, names, device)


def _own_base(hub: LocalHub, names: list[str]) -> str:
    """The base that the first module was made for."""
    if not names or Path(names[0]).is_dir():
        return DEFAULT_BASE
    bases = hub.registry.get(names[0].partition("@")[0]).bases
    if len(bases) > 1 and DEFAULT_BASE not in bases:
        raise WrongRequest(f"`{names[0]}` is for several bases: choose with `--base`, one of {', '.join(bases)}.")
    return DEFAULT_BASE if DEFAULT_BASE in bases or not bases else str(bases[0])
