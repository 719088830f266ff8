"""`hub generate`: generate images from prompts in the languages of the modules."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from hub.cli.use.prompts import PromptLine, from_arguments, from_file
from hub.errors import InvalidRequest, UnknownArtifact
from hub.records import Upstream

if TYPE_CHECKING:
    from hub.local import LocalHub

DEFAULT_BASE = "emoji-sd"
"""The base that comes with linguahub."""


def generate(
    prompts: Annotated[
        list[str] | None,
        Argument(metavar="PROMPT", help="Prompt, in a language of the modules or the base.", show_default=False),
    ] = None,
    base: Annotated[
        str,
        Option(
            help="Name, folder, file or repository of the base (default: the adapter's base, or emoji-sd).",
            show_default=False,
        ),
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
        Path, Option("--output", "-o", help="PNG file, numbered if there are several prompts. With --batch: folder.")
    ] = Path("image.png"),
    grid: Annotated[bool, Option("--grid", help="Arrange all prompts in one labelled image.")] = False,
    side_by_side: Annotated[
        bool,
        Option("--compare", help="Compare the base and each adapter in one labelled image, with one row per prompt."),
    ] = False,
    batch: Annotated[
        str,
        Option(
            metavar="FILE",
            help="File with one prompt per line, or language, tab and prompt; `-` for standard input.",
            show_default=False,
        ),
    ] = "",
    resume: Annotated[bool, Option("--resume", help="With --batch: keep existing images.")] = False,
    device: Annotated[
        str, Option(help="Device, such as cuda or cpu (default: a GPU if available).", show_default=False)
    ] = "",
    as_objects: Annotated[bool, Option("--json", help="Print JSON.")] = False,
) -> None:
    """Generate images from prompts.

    The metadata of each image records prompt, base, adapters, revisions, seed, steps and library versions.
    """
    lines = _read_prompts(prompts or [], batch, language or [])
    is_one_image = grid or side_by_side
    if grid and side_by_side:
        raise InvalidRequest("--grid and --compare cannot be used together.")
    if resume and (is_one_image or not batch):
        raise InvalidRequest("--resume continues a batch: use it with --batch FILE, and without --grid or --compare.")
    paths = [output] if is_one_image else _paths(lines, output, in_folder=bool(batch))
    if any(path.suffix.lower() != ".png" for path in paths):
        raise InvalidRequest(f"`{output}` is not a PNG file: --output must end in .png.")

    from hub.local import LocalHub

    with LocalHub.open() as hub:
        names = adapter or []
        base = base or _default_base(hub, names)
        _check(hub, base, names)  # Before torch, whose import takes seconds.
        from hub.cli.use.image_run import ImageRun

        run = ImageRun(negative=negative, seed=seed, steps=steps, guidance=guidance, quiet=as_objects)
        print(f"Loading {' + '.join([base, *names])} …", file=sys.stderr, flush=True)
        # Libraries print while loading, and standard output is for results alone.
        with redirect_stdout(sys.stderr):
            run.load(hub, base, names, device)
    with run.limit_threads():
        if side_by_side:
            objects = run.write_comparison(lines, output)
        elif grid:
            objects = run.write_grid(lines, output)
        else:
            objects = run.write_each(lines, paths, resume=resume)
    if as_objects:
        print(json.dumps(objects, ensure_ascii=False, indent=2))
    else:
        for path in dict.fromkeys(each["path"] for each in objects):
            print(path)


def _read_prompts(prompts: list[str], batch: str, languages: list[str]) -> list[PromptLine]:
    if batch and prompts:
        raise InvalidRequest("prompts were given both as arguments and with --batch: use one of them.")
    if not batch and not prompts:
        raise InvalidRequest(
            'missing prompt. Example: `hub generate "ọkàn pupa"` or `hub generate --batch prompts.txt`.'
        )
    return from_file(batch, languages) if batch else from_arguments(prompts, languages)


def _paths(lines: list[PromptLine], output: Path, *, in_folder: bool) -> list[Path]:
    """Return a path for each prompt. Files in a folder are numbered by line, with zeros so that they sort."""
    if in_folder:
        if output.suffix or output.is_file():
            raise InvalidRequest(
                f"with --batch, --output must be a folder, and `{output}` looks like a file. Example: `-o images`."
            )
        digits = max(4, len(str(lines[-1].number)))
        return [output / f"{prompt.number:0{digits}}.png" for prompt in lines]
    if len(lines) == 1:
        return [output]
    return [output.with_stem(f"{output.stem}-{prompt.number}") for prompt in lines]


def _check(hub: LocalHub, base: str, names: list[str]) -> None:
    """Raise what loading would raise for names, modules that do not fit, and a base that cannot be fetched."""
    from hub.publish.composition import check_composition, is_path, is_repository
    from hub.registry.names.stand_ins import say_stand_in

    found = check_composition(hub.registry, base, names)
    to_fetch = [*found.to_fetch]
    if found.base is None and is_repository(base) and not is_path(base):
        to_fetch.append((base, Upstream(repository=base, file="model_index.json")))
    if to_fetch:
        from hub.remote.upstream import check_reachable

        for name, upstream in to_fetch:
            check_reachable(upstream, what=name)
    for each in found.stand_ins:
        print(f"`{each.name}` on {each.base} is {say_stand_in(each)}.", file=sys.stderr, flush=True)


def _default_base(hub: LocalHub, names: list[str]) -> str:
    """Return a base that the first module was made for, the default one if possible. Raises InvalidRequest if there are several others."""
    if not names or Path(names[0]).is_dir():
        return DEFAULT_BASE
    name = names[0].partition("@")[0]
    try:
        bases = hub.registry.get(name).bases
    except UnknownArtifact:
        bases = tuple(each.base for each in hub.registry.stand_ins(name))
        if not bases:
            raise
    if len(bases) > 1 and DEFAULT_BASE not in bases:
        raise InvalidRequest(f"`{names[0]}` fits several bases: choose one with --base: {', '.join(bases)}.")
    return DEFAULT_BASE if DEFAULT_BASE in bases or not bases else bases[0]
