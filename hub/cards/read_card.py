"""Read cards, and report all problems of a card at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hub.cards.card import FILE, NAMESPACE, Card, Place
from hub.cards.front_matter import split_front_matter
from hub.cards.licenses import COMMERCIAL_USE, Terms, parse_licenses, terms_of
from hub.cards.model_index import from_result
from hub.conditioning import Conditioning, conditioning_problems, read_conditioning
from hub.errors import InvalidCard, InvalidName, UnknownLanguage, near_names
from hub.languages import parse_language
from hub.names import ArtifactName, Digest, check_path
from hub.plugins import advertised
from hub.records import KINDS, Score, Upstream, Wheel

_OURS = {
    "kind", "method", "encoder", "summary", "conditioning", "upstream", "owner", "parameters", "gated", "aliases",
    "trained_languages", "commercial_use",
}  # fmt: skip
MAX_UNKNOWN = 20
"""Unknown languages after which the rest is not read: finding similar names takes milliseconds each."""
_UPSTREAM = {"repository", "file", "size_bytes", "revision", "digest", "wheel"}


def read_card(path: Path, name: ArtifactName) -> Card:
    """Return the card at `path`, a README.md or its folder. Raises InvalidCard with every problem."""
    file = path / FILE if path.is_dir() else path
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidCard(f"`{name}` has no {FILE}: add one with at least language, license and kind.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidCard(f"the card of `{name}` cannot be read: {error}.") from error
    front_matter, prose = split_front_matter(text)
    return _CardParser(front_matter, name).card(prose)


class _CardParser:
    """Parses front matter and collects all problems."""

    def __init__(self, front_matter: dict[str, Any], name: ArtifactName) -> None:
        self.name = name
        self.problems: list[tuple[str, Place]] = []
        ours = front_matter.get(NAMESPACE)
        if not isinstance(ours, dict):
            self._add(f"`{NAMESPACE}:` is missing: add a mapping with at least `kind` and `summary`", NAMESPACE)
        self.ours: dict[str, Any] = ours if isinstance(ours, dict) else {}
        for key in self.ours:
            if key not in _OURS:
                near = near_names(str(key), sorted(_OURS))
                advice = f"write `{near[0]}`" if near else "remove it"
                self._add(f"`{NAMESPACE}.{key}` is unknown: {advice}", NAMESPACE, key)
        self.general = front_matter

    def card(self, prose: str) -> Card:
        card = Card(
            kind=self.kind(),
            summary=self.text("summary", required=True),
            license=self.license(),
            languages=self.languages(),
            method=self.text("method"),
            bases=self.names("base_model"),
            encoder=self.text("encoder"),
            conditioning=self.conditioning(),
            tags=self.names("tags"),
            scores=self.scores(),
            upstream=self.upstream(),
            parameters=self.parameters(),
            gated=self.gated(),
            terms=self.terms(),
            owner=self.text("owner"),
            aliases=self.names("aliases", self.ours),
            trained_languages=self.tags(self.names("trained_languages", self.ours), NAMESPACE, "trained_languages"),
            prose=prose,
        )
        if self.problems:
            count = f"{len(self.problems)} problem{'s' * (len(self.problems) > 1)}"
            listed = "; ".join(text for text, _ in self.problems)
            raise InvalidCard(f"{count} in the card of `{self.name}`: {listed}.", problems=self.problems)
        return card

    def _add(self, text: str, *place: str | int) -> None:
        self.problems.append((text, place))

    def kind(self) -> str:
        kind = self.text("kind", required=True)
        known = [*KINDS, *advertised("hub.kinds")]
        if kind and kind not in known:
            self._add(f"unknown kind {kind!r}; choose one of {', '.join(known)}", NAMESPACE, "kind")
        return kind

    def license(self) -> str:
        given = self.general.get("license")
        if not given:
            self._add("`license` is missing: add an SPDX identifier such as apache-2.0", "license")
            return ""
        license, unknown = parse_licenses(given)
        for text in unknown:
            stated = f"license {text[:100]!r} is neither an SPDX expression nor a Hugging Face licence id"
            self._add(f"{stated}: write one such as apache-2.0, or `other`", "license")
        return license

    def languages(self) -> tuple[str, ...]:
        given = self.general.get("language")
        if given is None or given == []:
            self._add("`language` is missing: add BCP-47 tags, or `mul`", "language")
        return self.tags(given if isinstance(given, list) else [given] * (given is not None), "language")

    def tags(self, given: Sequence[object], *place: str) -> tuple[str, ...]:
        tags: list[str] = []
        unknown = 0
        for number, each in enumerate(given):
            if unknown == MAX_UNKNOWN:
                self._add("more languages are not checked: correct these first", *place, number)
                break
            try:
                tags.append(parse_language(str(each)))
            except UnknownLanguage as error:
                near = f" (similar: {', '.join(error.suggestions)})" if error.suggestions else ""
                unknown += 1
                self._add(f"language {each!r} is unknown{near}: write a tag of `hub languages`", *place, number)
        return tuple(dict.fromkeys(tags))

    def conditioning(self) -> Conditioning | None:
        value = self.ours.get("conditioning")
        if value is None:
            if self.ours.get("kind") == "base":
                self._add("a base needs `linguahub.conditioning`: the input of its denoiser", NAMESPACE, "conditioning")
            return None
        problems = conditioning_problems(value)
        for problem in problems:
            self._add(problem, NAMESPACE, "conditioning")
        return None if problems else read_conditioning(value)

    def scores(self) -> tuple[Score, ...]:
        model_index = self.general.get("model-index")
        if not model_index:
            return ()
        from huggingface_hub.repocard_data import model_index_to_eval_results

        try:
            _, results = model_index_to_eval_results(model_index)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            self._add(f"`model-index` is invalid: {type(error).__name__} {error}", "model-index")
            return ()
        scores = []
        for result, place in zip(results, _places_of_results(model_index), strict=True):
            score, problems = from_result(result)
            self.problems += [(problem, place) for problem in problems]
            if score is not None:
                scores.append(score)
        return tuple(scores)

    def upstream(self) -> tuple[Upstream, ...]:
        entries = self.ours.get("upstream") or []
        if not isinstance(entries, list):
            self._add("`linguahub.upstream` is not a list of files", NAMESPACE, "upstream")
            return ()
        return tuple(filter(None, (self._upstream(entry, number) for number, entry in enumerate(entries))))

    def _upstream(self, entry: object, number: int) -> Upstream | None:
        place = (NAMESPACE, "upstream", number)
        if not isinstance(entry, dict) or entry.keys() - _UPSTREAM:
            self._add(
                f"upstream {entry!r} needs repository and file; optional are size_bytes, revision, digest, wheel", *place
            )
            return None
        try:
            check_path(str(entry.get("file", "")))
            upstream = Upstream.from_dict(entry)
            if upstream.digest:
                Digest(upstream.digest)
            if upstream.wheel is not None:
                _check_wheel(upstream.wheel)
        except (TypeError, ValueError, InvalidName) as error:
            self._add(f"upstream {entry.get('repository')!r}: {error}", *place)
            return None
        return upstream

    def parameters(self) -> tuple[tuple[str, int], ...]:
        value = self.ours.get("parameters") or {}
        if not isinstance(value, dict) or not all(isinstance(each, int) and each > 0 for each in value.values()):
            self._add(f"`{NAMESPACE}.parameters` is {value!r}, not numbers of parameters by part", NAMESPACE, "parameters")
            return ()
        return tuple((str(part), count) for part, count in value.items())

    def gated(self) -> bool:
        value = self.ours.get("gated", False)
        if not isinstance(value, bool):
            self._add(f"`{NAMESPACE}.gated` is {value!r}, neither true nor false", NAMESPACE, "gated")
        return value is True

    def terms(self) -> Terms:
        stated = self.ours.get("commercial_use", "allowed")
        if not isinstance(stated, str) or stated not in COMMERCIAL_USE:
            known = ", ".join(COMMERCIAL_USE)
            self._add(
                f"`{NAMESPACE}.commercial_use` is {stated!r}, not one of {known}; leave it out if unknown",
                NAMESPACE, "commercial_use",
            )  # fmt: skip
        return terms_of(self.general)

    def text(self, key: str, *, required: bool = False) -> str:
        value = self.ours.get(key)
        if value is None:
            if required:
                self._add(f"`{NAMESPACE}.{key}` is missing: add it below `{NAMESPACE}:`", NAMESPACE, key)
            return ""
        if not isinstance(value, str):
            self._add(f"`{NAMESPACE}.{key}` is {value!r}, not text", NAMESPACE, key)
            return ""
        return " ".join(value.split())

    def names(self, key: str, mapping: dict[str, Any] | None = None) -> tuple[str, ...]:
        value = (self.general if mapping is None else mapping).get(key) or []
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            place = (key,) if mapping is None else (NAMESPACE, key)
            self._add(f"`{key}` is {value!r}, not a name or a list of names", *place)
            return ()
        return tuple(values)


def _check_wheel(wheel: Wheel) -> None:
    """Raise ValueError or InvalidName for an invalid file name, path or digest."""
    from packaging.utils import parse_wheel_filename

    parse_wheel_filename(str(wheel.name))
    check_path(str(wheel.file))
    Digest(str(wheel.digest))
    Digest(str(wheel.file_digest))


def _places_of_results(model_index: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of each metric, in the order in which huggingface_hub reads them."""
    for number, model in enumerate(model_index):
        for place, result in enumerate(model["results"]):
            for metric, _ in enumerate(result["metrics"]):
                yield ("model-index", number, "results", place, "metrics", metric)
