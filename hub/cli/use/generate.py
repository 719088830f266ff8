"""`hub generate`: generate images from prompts in any language that a module reads."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from hub.cli.use.prompts import PromptLine, from_arguments, from_file
from hub.errors import InvalidRequest

if TYPE_CHECKING:
    from hub.local import LocalHub

DEFAULT_BASE = "emoji-sd"
"""The base that is included."""


def generate(
    prompts: Annotated[
        list[str] | None,
        Argument(metavar="[PROMPT]...", help="Prompt, in any language the module reads.", show_default=False),
    ] = None,
    base: Annotated[
        str, Option(help="Name or folder of the base (default: that of the adapter).", show_default=False)
    ] = "",
    adapter: Annotated[
        list[str] | None, Option(help="Name or folder of a language module; repeat for several.", show_default=False)
    ] = None,
    language: Annotated[
        list[str] | None,
        Option(
            "--language",
            "--lang",
            help="Language of all prompts, or one per prompt (default: detected).",
            show_default=False,
        ),
    ] = None,
    negative: Annotated[str, Option(help="Negative prompt.", show_default=False)] = "",
    seed: Annotated[int, Option(min=0, help="Random seed.")] = 0,
    steps: Annotated[int, Option(min=1, max=1000, help="Number of denoising steps.")] = 25,
    guidance: Annotated[
        float, Option(min=0.0, help="Guidance scale: 2–3 for emoji-sd, 7.5 for SD 1.5; 1 disables guidance.")
    ] = 3.0,
    output: Annotated[
        Path, Option("--output", "-o", help="PNG file, numbered if there are several prompts; with --batch, a folder.")
    ] = Path("image.png"),
    grid: Annotated[bool, Option("--grid", help="Arrange all prompts in one labelled image.")] = False,
    side_by_side: Annotated[
        bool,
        Option(
            "--compare", help="Compare the base alone and each adapter alone in one labelled image, one row per prompt."
        ),
    ] = False,
    batch: Annotated[
        str,
        Option(
            metavar="FILE",
            help="File with one prompt per line, or language TAB prompt; `-` for standard input.",
            show_default=False,
        ),
    ] = "",
    resume: Annotated[bool, Option("--resume", help="With --batch: skip images that exist.")] = False,
    device: Annotated[
        str, Option(help="Device, such as cuda or cpu (default: a GPU if available).", show_default=False)
    ] = "",
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """Generate images from prompts.

    The metadata of each image records how it was made: prompt, base and adapters with revisions, seed, steps, libraries.
    """
    asked = _read_prompts(prompts or [], batch, language or [])
    one = grid or side_by_side
    if grid and side_by_side:
        raise InvalidRequest("--grid and --compare exclude each other: use one of them.")
    if resume and (one or not batch):
        raise InvalidRequest("--resume continues a batch: use it with --batch FILE, without --grid and --compare.")
    paths = [output] if one else _paths(asked, output, in_folder=bool(batch))
    if any(path.suffix.lower() != ".png" for path in paths):
        raise InvalidRequest(f"`{output}` is not a PNG file: --output must end in .png.")

    from hub.cli.use.image_run import ImageRun

    run = ImageRun(negative=negative, seed=seed, steps=steps, guidance=guidance, quiet=as_objects)
    _load_into(run, base, adapter or [], device)
    if side_by_side:
        objects = run.compare(asked, output)
    elif grid:
        objects = run.grid(asked, output)
    else:
        objects = run.each(asked, paths, resume=resume)
    if as_objects:
        print(json.dumps(objects, ensure_ascii=False, indent=2))
    else:
        for path in dict.fromkeys(each["path"] for each in objects):
            print(path)


def _read_prompts(prompts: list[str], batch: str, languages: list[str]) -> list[PromptLine]:
    if batch and prompts:
        raise InvalidRequest("two sources of prompts: use either arguments or --batch FILE.")
    if not batch and not prompts:
        raise InvalidRequest(
            'missing prompt. Example: `hub generate "ọkàn pupa"` or `hub generate --batch prompts.txt`.'
        )
    return from_file(batch, languages) if batch else from_arguments(prompts, languages)


def _paths(asked: list[PromptLine], output: Path, *, in_folder: bool) -> list[Path]:
    """Return a path for each prompt. In a folder they are numbered by line, zero-padded so that they sort."""
    if in_folder:
        if output.suffix or output.is_file():
            raise InvalidRequest(
                f"with --batch, --output is a folder, and `{output}` looks like a file. Example: `-o images`."
            )
        digits = max(4, len(str(asked[-1].number)))
        return [output / f"{prompt.number:0{digits}}.png" for prompt in asked]
    if len(asked) == 1:
        return [output]
    return [output.with_stem(f"{output.stem}-{prompt.number}") for prompt in asked]


def _load_into(run: Any, base: str, names: list[str], device: str) -> None:
    """Load the base with its modules, and print one line of progress."""
    from hub.local import LocalHub

    with LocalHub.open() as hub:
        base = base or _own_base(hub, names)
        print(f"Loading {' + '.join([base, *names])} …", file=sys.stderr, flush=True)
        # Libraries print while loading; stdout is for results alone.
        with redirect_stdout(sys.stderr):
            run.load(hub, base, names, device)


def _own_base(hub: LocalHub, names: list[str]) -> str:
    """Return the base that the first module was made for, preferring the default."""
    if not names or Path(names[0]).is_dir():
        return DEFAULT_BASE
    bases = hub.registry.get(names[0].partition("@")[0]).bases
    if len(bases) > 1 and DEFAULT_BASE not in bases:
        raise InvalidRequest(f"`{names[0]}` fits several bases: choose one with --base: {', '.join(bases)}.")
    return DEFAULT_BASE if DEFAULT_BASE in bases or not bases else bases[0]
