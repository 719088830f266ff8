"""Lines that use an artifact, to copy: with this server's address, the shown revision pinned, and a prompt in one of its languages."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from hub.names import COMMIT_DIGITS
from hub.records import Artifact, Revision
from server.http.urls import file_path
from server.pages import formatting
from server.site.example_prompts import prompt_in
from server.site.navigation import TRY

PINNED_DIGITS = 12
"""Digits of a revision in commands of ours; Hugging Face's clients need COMMIT_DIGITS."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """Code under a heading."""

    heading: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Contents of the snippets."""

    artifact: Artifact
    shown: Revision
    endpoint: str
    """Address of this server."""
    language: str
    """BCP-47 tag of the prompt."""
    text: str = ""
    """A prompt in that language, if the card has one."""
    main_file: str = ""
    """Path of a file that curl downloads."""

    @property
    def prompt(self) -> str:
        """The prompt."""
        return self.text or prompt_in(self.language)

    @property
    def name(self) -> str:
        """The name as users type it."""
        return formatting.short_name(self.artifact.name)

    @property
    def pin(self) -> str:
        """The revision in commands of ours."""
        return self.shown.id[:PINNED_DIGITS]

    @property
    def base(self) -> str:
        """The base that the snippets load: the artifact itself if it is one; empty without any."""
        if self.artifact.kind == "base":
            return self.name
        return formatting.short_name(self.artifact.bases[0]) if self.artifact.bases else ""

    @property
    def is_external(self) -> bool:
        """Whether the weights are fetched from another host and converted: then no revision of ours has them."""
        return bool(self.artifact.upstream) and not self.artifact.weights_digest


def snippets(usage: Usage) -> list[Snippet]:
    """Return the snippets, most useful first."""
    found = [Snippet("Python", _python(usage))] if usage.base else []
    found += [Snippet("hub", _hub(usage)), Snippet("hf", _hf(usage))]
    return [*found, Snippet("curl", _curl(usage))] if usage.main_file else found


def try_path(usage: Usage) -> str:
    """Return the path of the page that generates an image of the prompt; empty for what generates none."""
    if not usage.base or not usage.artifact.weights_digest:
        return ""
    adapter = {} if usage.artifact.kind == "base" else {"adapter": usage.name}
    query = {"prompt": usage.prompt, "lang": usage.language, "base": usage.base, **adapter}
    return f"{TRY}?{urlencode(query)}"


def upload_command(usage: Usage) -> str:
    """Return the command that uploads a folder to the artifact."""
    kind = " --repo-type dataset" if usage.artifact.name.is_dataset else ""
    return f"HF_ENDPOINT={shlex.quote(usage.endpoint)} hf upload {usage.artifact.name.repository} ./folder{kind}"


def _python(usage: Usage) -> str:
    prompt = json.dumps(usage.prompt, ensure_ascii=False)
    if usage.artifact.kind == "base":
        pin = "" if usage.is_external else f', revision="{usage.pin}"'
        load, language = f'load_pipeline("{usage.name}"{pin})', ""
    else:
        pin = "" if usage.is_external else f"@{usage.pin}"
        load, language = f'load_pipeline("{usage.base}", adapter="{usage.name}{pin}")', f', language="{usage.language}"'
    draw = f'pipe({prompt}{language}).images[0].save("image.png")'
    return f"from hub import load_pipeline\n\npipe = {load}\n{draw}"


def _hub(usage: Usage) -> str:
    if usage.is_external:
        pull, pin = f"hub pull {usage.name}", ""
    else:
        pull = f"hub pull {usage.name} --revision {usage.pin} --endpoint {shlex.quote(usage.endpoint)}"
        pin = f"@{usage.pin}"
    if not usage.base:
        return pull
    prompt = shlex.quote(usage.prompt)
    if usage.artifact.kind == "base":
        return f"{pull}\nhub generate {prompt} --base {usage.name} -o image.png"
    adapter = f"--base {usage.base} --adapter {usage.name}{pin} --lang {usage.language}"
    return f"{pull}\nhub generate {prompt} {adapter} -o image.png"


def _hf(usage: Usage) -> str:
    kind = " --repo-type dataset" if usage.artifact.name.is_dataset else ""
    revision = usage.shown.id[:COMMIT_DIGITS]
    return (
        f"HF_ENDPOINT={shlex.quote(usage.endpoint)} hf download {usage.artifact.name.repository}{kind} "
        f"--revision {revision}"
    )


def _curl(usage: Usage) -> str:
    header = '-H "Authorization: Bearer $HF_TOKEN" ' if usage.artifact.private or usage.artifact.gated else ""
    address = usage.endpoint + file_path(usage.artifact, usage.shown, usage.main_file)
    return f"curl -LO {header}{shlex.quote(address)}"
