"""The exceptions of linguahub.

    HubError                     exit 1, HTTP 500
    ├── InvalidRequest           exit 2, HTTP 400: invalid request
    │   ├── Unknown              exit 2, HTTP 404: not found; suggests similar names
    │   │   ├── UnknownArtifact · UnknownBase · UnknownLanguage · UnknownMethod · UnknownFile
    │   │   ├── UnknownRevision · AllYanked · UnknownCorpus · UnknownBenchmark · UnknownRecipe
    │   │   ├── UnknownKind · UnknownMetric · UnknownAccount · UnknownToken · UnknownWebhook · UnknownDelivery · UnknownSigningKey
    │   ├── InvalidName · InvalidCard · InvalidSource · InvalidSignature
    │   │   └── InvalidPath        HTTP 422
    │   ├── DoesNotFit           a module and a base, or weights and a module, do not match
    │   │   ├── WeightsDoNotFit
    │   └── MissingExtra
    ├── Unauthenticated          exit 1, HTTP 401: missing or invalid token
    ├── Forbidden                exit 1, HTTP 403: missing permission
    │   └── Gated                access must be requested first
    ├── Conflict                 exit 1, HTTP 409: concurrent change, or the name is taken
    │   └── StaleParent          HTTP 412: the branch has moved
    ├── ClientTimeout            exit 1, HTTP 408: the upload timed out
    ├── TooLarge                 exit 1, HTTP 413
    ├── RateLimited              exit 1, HTTP 429: too many requests or attempts; says when to retry
    ├── OverQuota                exit 1, HTTP 507
    ├── NotServed                exit 1, HTTP 501: a feature of the Hugging Face Hub that is not supported
    ├── DamagedFile              exit 1: bytes that do not match their digest, format or schema
    │   └── DamagedBlob          HTTP 410: stored bytes that are lost or damaged, and not served
    ├── OutOfMemory              exit 1: the device is too small; suggests what fits
    ├── Diverged                 exit 1: the loss or a gradient is not finite
    └── Unreachable              exit 1, HTTP 502: a remote hub, or an unwritable folder
        ├── UpstreamDown         HTTP 502: the upstream of a mirror · InvalidUpstreamResponse · UpstreamTimeout (HTTP 504)
        └── DiskFull             HTTP 507

A message states the request, what was found and the next command, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_SHOWN = 300
"""Characters of an unknown name that a message repeats."""
_MAX_NEAR = 200
"""Length of the longest names that are compared, in characters: that of `owner/name` and of usual paths."""
_MAX_COMPARED = 1_000_000
"""Maximum sum of the products of the lengths of compared names. Measured: 0.1 s at worst, 5 ms with usual names."""


class HubError(Exception):
    """Base class. `exit_code` is that of the command line, `status` that of the server."""

    exit_code = 1
    status = 500


class YankedRevision(UserWarning):
    """A yanked revision is used because it was pinned."""


class InvalidRequest(HubError):
    """An invalid request."""

    exit_code = 2
    status = 400


class Unknown(InvalidRequest):
    """No object has this name."""

    status = 404
    noun = "thing"
    listing = "hub search"
    """The command that lists what exists; an instance may name a more specific one."""

    def __init__(
        self, name: str, known: Iterable[str] = (), *, meant: Iterable[str] = (), listing: str = "", more: str = ""
    ) -> None:
        """`known`: names of which similar ones are suggested, after those that are certainly `meant`. `more`: another sentence."""
        self.name = name
        self.listing = listing or self.listing
        self.suggestions = list(dict.fromkeys([*meant, *near_names(name, known)]))[:3]
        hint = f" Did you mean {', '.join(f'`{each}`' for each in self.suggestions)}?" if self.suggestions else ""
        shown = name if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]}…"
        super().__init__(f"no {self.noun} is called `{shown}`.{hint} List them with `{self.listing}`.{more}")


class UnknownArtifact(Unknown):
    """No artifact has this name."""

    noun = "artifact"


class UnknownBase(Unknown):
    """No base has this name."""

    noun = "base"
    listing = "hub bases"


class UnknownLanguage(Unknown):
    """No language has this tag or name."""

    noun = "language"
    listing = "hub languages"


class UnknownMethod(Unknown):
    """No training method has this name."""

    noun = "method"
    listing = "hub train --help"


class UnknownKind(Unknown):
    """No kind of artifact has this name."""

    noun = "kind"
    listing = "hub search --help"


class UnknownMetric(Unknown):
    """No score has this metric."""

    noun = "metric"


class UnknownCorpus(Unknown):
    """No corpus has this name."""

    noun = "corpus"
    listing = "hub train --help"


class UnknownBenchmark(Unknown):
    """No benchmark has this name."""

    noun = "benchmark"
    listing = "hub evaluate --help"


class UnknownRecipe(Unknown):
    """No recipe file has this name."""

    noun = "recipe"
    listing = "hub train --help"


class UnknownRevision(Unknown):
    """The artifact has no such revision."""

    noun = "revision"
    listing = "hub show NAME"


class AllYanked(UnknownRevision):
    """A branch or alias has only yanked revisions, which need an exact pin."""

    def __init__(self, artifact: str, ref: str, number: int) -> None:
        """`number`: the newest of these revisions."""
        self.name, self.suggestions = ref, []
        self.listing = f"hub show {artifact} --revision {number}"
        InvalidRequest.__init__(
            self,
            f"every revision of `{artifact}` at `{ref}` was yanked by its owner. Show the newest with `{self.listing}`, "
            f"or fetch it anyway with `hub pull {artifact} --revision {number}`.",
        )


class UnknownAccount(Unknown):
    """No user or organisation has this name."""

    noun = "account"
    listing = "hub admin user list"


class UnknownToken(Unknown):
    """The account has no such token."""

    noun = "token"
    listing = "hub admin token list"


class UnknownWebhook(Unknown):
    """The account has no such webhook."""

    noun = "webhook"
    listing = "hub admin webhook list NAME"


class UnknownDelivery(Unknown):
    """The webhook has no such delivery, or it has expired."""

    noun = "delivery"
    listing = "hub admin webhook log ID"


class UnknownSigningKey(Unknown):
    """The account has no such signing key, or it is revoked."""

    noun = "signing key"
    listing = "hub admin key list NAME"


class UnknownFile(Unknown):
    """The revision has no such file, or the store no such blob."""

    noun = "file"
    listing = "hub show NAME"


class InvalidName(InvalidRequest):
    """An invalid name of an artifact, owner or path."""


class InvalidPath(InvalidName):
    """An invalid path in a repository."""

    status = 422


class InvalidCard(InvalidRequest):
    """An invalid card or configuration; lists every problem, with the keys that lead to its value, or the line of the only one."""

    def __init__(self, text: str, *, problems: Iterable[tuple[str, tuple[str | int, ...]]] = (), line: int = 0) -> None:
        super().__init__(text)
        self.problems, self.line = tuple(problems), line


class InvalidSource(InvalidRequest):
    """A file that must not be published or loaded, such as a pickle."""


class InvalidSignature(InvalidSource):
    """An invalid signature, or one of other files."""


class DoesNotFit(InvalidRequest):
    """Incompatible parts; names both sides."""


class WeightsDoNotFit(DoesNotFit):
    """Weights whose keys, shapes or dtypes are not those of the module; lists every mismatch."""

    def __init__(self, what: str, problems: list[str], hint: str = "") -> None:
        """`hint`: what to do next (default: pull the weights again)."""
        self.what = what
        self.problems = problems
        hint = hint or f"Fetch them again with `hub pull {what}`, or compare them with `hub show {what}`."
        super().__init__(f"the weights of `{what}` do not fit: {'; '.join(problems)}. {hint}")


class MissingExtra(InvalidRequest):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(f"{needed_for} needs the extra `{extra}`: pip install 'linguahub[{extra}]'.")


class Unauthenticated(HubError):
    """A valid token is required."""

    status = 401


class Forbidden(HubError):
    """The account or token lacks the permission."""

    status = 403


class BlockedFile(Forbidden):
    """A file that scanners found malicious, and that no administrator has allowed."""


class Gated(Forbidden):
    """The files require an accepted access request."""


class Conflict(HubError):
    """A concurrent change, or a name that is taken."""

    status = 409


class StaleParent(Conflict):
    """The parent of a commit is no longer the head of the branch."""

    status = 412


class ClientTimeout(HubError):
    """An upload that timed out; a retry may succeed."""

    status = 408


class TooLarge(HubError):
    """A size above a limit."""

    status = 413


class RateLimited(HubError):
    """Too many requests or attempts in a short time."""

    status = 429

    def __init__(self, message: str, wait_s: int) -> None:
        self.wait_s = wait_s
        """Seconds until a retry can succeed."""
        super().__init__(message)


class OverQuota(HubError):
    """The owner's storage quota is exceeded."""

    status = 507


class NotServed(HubError):
    """A feature of the Hugging Face Hub that this server does not support."""

    status = 501


class DamagedFile(HubError):
    """Bytes that do not match their digest, format or schema."""


class DamagedBlob(DamagedFile):
    """A blob whose stored bytes are damaged or missing, so never served. Not a 5xx, which clients repeat for minutes in vain."""

    status = 410

    def __init__(self, digest: str, *, is_missing: bool = False) -> None:
        self.digest = digest
        super().__init__(
            f"the stored bytes of blob {digest} are {'missing' if is_missing else 'damaged'} and not served: push the file "
            "again, or restore it with `hub verify --repair`."
        )


class OutOfMemory(HubError):
    """A device is out of memory; the message suggests what fits."""


class Diverged(HubError):
    """A loss or gradient is infinite or NaN."""

    def __init__(self, label: str, step: int, kept: int | None) -> None:
        self.step = step
        self.kept = kept
        left = f"the checkpoint of step {kept} is kept" if kept else "there is no checkpoint before it"
        super().__init__(
            f"`{label}` stopped: its loss or gradient at step {step} is not a finite number; {left}. The same recipe "
            "would stop there again: train with a lower `--set learning_rate=…`, `--set precision=no`, or another `--seed`."
        )


class Unreachable(HubError):
    """A remote hub does not respond, or a folder cannot be read or written."""

    status = 502


class UpstreamDown(Unreachable):
    """The upstream of a mirror does not respond; the message is shown to all users."""


class InvalidUpstreamResponse(UpstreamDown):
    """The upstream of a mirror returned an invalid response, which was discarded."""


class UpstreamTimeout(UpstreamDown):
    """The upstream of a mirror timed out."""

    status = 504


class DiskFull(Unreachable):
    """The disk is full; the partial file was removed."""

    status = 507


def near_names(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """Return up to `count` of the `known` names that are like `name`, best first.

    Comparing two names takes time in proportion to the product of their lengths. So long names have no neighbours, and of many
    known ones only the first are compared: put the likely ones first.
    """
    candidates: dict[str, None] = {}
    left = _MAX_COMPARED if len(name) <= _MAX_NEAR else 0
    for each in known:
        if len(each) <= _MAX_NEAR and each not in candidates:
            left -= len(name) * len(each)
            if left <= 0:
                break
            candidates[each] = None
    return difflib.get_close_matches(name, candidates, n=count, cutoff=0.5) if candidates else []
