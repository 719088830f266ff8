"""Every error that linguahub raises on purpose.

    HubError                     exit 1, HTTP 500
    ├── WrongRequest             exit 2, HTTP 400: the caller asked for something that cannot be
    │   ├── Unknown              exit 2, HTTP 404: there is no such thing; names its near neighbours
    │   │   ├── UnknownArtifact · UnknownBase · UnknownLanguage · UnknownMethod · UnknownFile
    │   │   ├── UnknownRevision · AllYanked · UnknownCorpus · UnknownBenchmark · UnknownRecipe
    │   │   ├── UnknownAccount · UnknownToken · UnknownWebhook · UnknownDelivery · UnknownSigningKey
    │   ├── WrongName · WrongCard · WrongSource · WrongSignature
    │   │   └── WrongPath        HTTP 422
    │   ├── DoesNotFit           a module and a base, or weights and a module
    │   │   ├── WeightsDoNotFit
    │   └── MissingExtra         an optional dependency is not installed
    ├── Unauthenticated          exit 1, HTTP 401: nobody, or a token that is none
    ├── Forbidden                exit 1, HTTP 403: somebody who may not
    │   └── Gated                one must ask for access first
    ├── Conflict                 exit 1, HTTP 409: somebody else was first, or the name is taken
    │   └── StaleParent          HTTP 412: the branch has moved since
    ├── Stalled                  exit 1, HTTP 408: nothing came for too long
    ├── Gone                     exit 1, HTTP 410: a name that was deleted is not given again
    ├── TooLarge                 exit 1, HTTP 413
    ├── TooOften                 exit 1, HTTP 429: too many requests, or guesses; says when to come back
    ├── OverQuota                exit 1, HTTP 507
    ├── NotServed                exit 1, HTTP 501: a part of the Hugging Face Hub that is none of ours
    ├── Damaged                  exit 1: bytes are not what their digest, format or schema says
    ├── OutOfMemory              exit 1: the device is too small; says what would fit
    ├── Diverged                 exit 1: training met a number that is not finite
    └── Unreachable              exit 1, HTTP 502: a remote hub, or a folder that cannot be written
        ├── UpstreamDown         HTTP 502: the hub that a mirror asks · UpstreamWrong · UpstreamSlow (HTTP 504)
        └── DiskFull             HTTP 507

A message says what was asked, what was found and the next command, in one line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HubError(Exception):
    """The root. `exit_code` is what the command line returns."""

    exit_code = 1
    status = 500


class YankedRevision(UserWarning):
    """A revision that its owner yanked is used, because it was asked for exactly."""


class WrongRequest(HubError):
    """The caller asked for something that cannot be."""

    exit_code = 2
    status = 400


class Unknown(WrongRequest):
    """There is no such thing."""

    status = 404
    noun = "thing"
    listing = "hub search"
    """The command that lists what there is; one that knows where it was looked for says so itself."""

    def __init__(self, name: str, known: Iterable[str] = (), *, listing: str = "") -> None:
        self.name = name
        self.listing = listing or self.listing
        self.suggestions = difflib.get_close_matches(name, list(dict.fromkeys(known)), n=3, cutoff=0.5)
        hint = f" Did you mean {', '.join(f'`{each}`' for each in self.suggestions)}?" if self.suggestions else ""
        super().__init__(f"no {self.noun} is called `{name}`.{hint} List them with `{self.listing}`.")


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
    """A branch or alias leads to yanked revisions alone, which only an exact pin gives."""

    def __init__(self, artifact: str, ref: str, number: int) -> None:
        """`number` is that of the newest of them."""
        self.name, self.suggestions = ref, []
        self.listing = f"hub show {artifact} --revision {number}"
        WrongRequest.__init__(
            self,
            f"every revision of `{artifact}` at `{ref}` was yanked by its owner. Look at the newest with `{self.listing}`, "
            f"or fetch it all the same with `hub pull {artifact} --revision {number}`.",
        )


class UnknownAccount(Unknown):
    """No user and no organisation has this name."""

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
    """The webhook was not told this, or so long ago that it is not kept."""

    noun = "delivery"
    listing = "hub admin webhook log ID"


class UnknownSigningKey(Unknown):
    """The account has no such signing key, or has revoked it."""

    noun = "signing key"
    listing = "hub admin key list NAME"


class UnknownFile(Unknown):
    """The revision holds no such file, or the store no such blob."""

    noun = "file"
    listing = "hub show NAME"


class WrongName(WrongRequest):
    """A name that no artifact, owner or path may have."""


class WrongPath(WrongName):
    """A path that no repository may hold."""

    status = 422


class WrongCard(WrongRequest):
    """A card that cannot be read, with every reason."""


class WrongSource(WrongRequest):
    """A file that may not be published or loaded: a pickle, say."""


class WrongSignature(WrongSource):
    """A signature that is none, or for something else."""


class DoesNotFit(WrongRequest):
    """Two things that cannot be composed; the message names both sides."""


class WeightsDoNotFit(DoesNotFit):
    """Weights whose keys, shapes or types are not the module's; lists every disagreement."""

    def __init__(self, what: str, problems: list[str], hint: str = "") -> None:
        """`hint` says what to do next; without one, where the weights come from and where it is said what they should be."""
        self.what = what
        self.problems = problems
        hint = hint or f"Fetch them again with `hub pull {what}`, or see what they should be with `hub show {what}`."
        super().__init__(f"the weights of `{what}` do not fit: {'; '.join(problems)}. {hint}")


class MissingExtra(WrongRequest):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(f"{needed_for} needs the extra `{extra}`: pip install 'linguahub[{extra}]'.")


class Unauthenticated(HubError):
    """Only somebody with a valid token may do this."""

    status = 401


class Forbidden(HubError):
    """This account, or this token, may not do it."""

    status = 403


class Gated(Forbidden):
    """The files are given to those whose request was accepted."""


class Conflict(HubError):
    """Somebody else changed the same thing first."""

    status = 409


class StaleParent(Conflict):
    """A commit was made on top of a revision that is no longer the head."""

    status = 412


class Stalled(HubError):
    """A sender that has sent nothing for too long; sending again may succeed."""

    status = 408


class Gone(HubError):
    """A deleted name leaves a tombstone, so that links to it never lead to other bytes."""

    status = 410


class TooLarge(HubError):
    """More bytes than this place takes."""

    status = 413


class TooOften(HubError):
    """Too many requests, or guesses, in too little time."""

    status = 429

    def __init__(self, message: str, wait_s: int) -> None:
        self.wait_s = wait_s
        """Seconds until it is worth while to try again."""
        super().__init__(message)


class OverQuota(HubError):
    """More bytes than the owner may keep here."""

    status = 507


class NotServed(HubError):
    """A part of the Hugging Face Hub that this server does not have."""

    status = 501


class Damaged(HubError):
    """Bytes are not what their digest, format or schema says."""


class OutOfMemory(HubError):
    """A device has no room; the message says what would fit."""


class Diverged(HubError):
    """A loss or a gradient became infinite or not a number."""

    def __init__(self, label: str, step: int, kept: int | None) -> None:
        self.step = step
        self.kept = kept
        left = f"the checkpoint of step {kept} is kept" if kept else "there is no checkpoint before it"
        super().__init__(
            f"`{label}` stopped: its loss or gradient at step {step} is not a finite number; {left}. The same recipe "
            "would end there again: train with a lower `--set learning_rate=…`, `--set precision=no`, or another `--seed`."
        )


class Unreachable(HubError):
    """A remote hub does not answer, or a folder cannot be read or written."""

    status = 502


class UpstreamDown(Unreachable):
    """The hub that a mirror asks does not answer; the message is for everybody."""


class UpstreamWrong(UpstreamDown):
    """The hub that a mirror asks answers what cannot be believed: nothing of it was kept."""


class UpstreamSlow(UpstreamDown):
    """The hub that a mirror asks takes too long."""

    status = 504


class DiskFull(Unreachable):
    """There is no room for what was to be written; nothing of it is left."""

    status = 507
