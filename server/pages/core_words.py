"""Words of records and of HTTP that pages show translated: `{{ artifact.kind | translated }}`.

They are listed here because `hub` does not mark texts for translation.
"""

from __future__ import annotations

from server.site.translation import gettext_noop

KINDS = (
    gettext_noop("adapter"),
    gettext_noop("projector"),
    gettext_noop("encoder"),
    gettext_noop("delta"),
    gettext_noop("base"),
    gettext_noop("dataset"),
)
KINDS_IN_PLURAL = {
    "adapter": gettext_noop("Adapters"),
    "projector": gettext_noop("Projectors"),
    "encoder": gettext_noop("Encoders"),
    "delta": gettext_noop("Deltas"),
    "base": gettext_noop("Bases"),
    "dataset": gettext_noop("Data sets"),
    "model": gettext_noop("Models"),  # A repository without a card of ours.
}
"""Kind → heading of a list."""
PROVENANCES = (
    gettext_noop("reproduced"),
    gettext_noop("self-reported"),
    gettext_noop("reported"),
    gettext_noop("disputed"),
)
NOUNS = (
    gettext_noop("artifact"),
    gettext_noop("language"),
    gettext_noop("method"),
    gettext_noop("kind"),
    gettext_noop("metric"),
    gettext_noop("corpus"),
    gettext_noop("benchmark"),
    gettext_noop("words"),
)
"""Types of names, and interpretations of a search text, besides kinds."""
REPORT_REASONS = (
    gettext_noop("Malware, or a file that attacks users who load it"),
    gettext_noop("Licence or copyright"),
    gettext_noop("Wrong scores"),
    gettext_noop("Abuse, or personal data"),
    gettext_noop("Something else"),
)
SCANS = (
    gettext_noop("pickle"),
    gettext_noop("archive"),
    gettext_noop("program"),
    gettext_noop("malicious, not served"),
    gettext_noop("not scanned yet"),
    gettext_noop("nothing found"),
    gettext_noop("suspicious"),
    gettext_noop("inconclusive"),
)
COMMERCIAL_USE = (
    gettext_noop("allowed"),
    gettext_noop("allowed under the conditions of the licence"),
    gettext_noop("not allowed"),
    gettext_noop("not stated"),
)
ACCOUNT_KINDS = (
    gettext_noop("user"),
    gettext_noop("organisation"),
)
ACCESS_STATUSES = (
    gettext_noop("pending"),
    gettext_noop("accepted"),
    gettext_noop("rejected"),
)
REPORT_STATES = (
    gettext_noop("open"),
    gettext_noop("resolved"),
    gettext_noop("dismissed"),
)
FILE_POLICIES = (
    gettext_noop("no pickles, archives and programs"),
    gettext_noop("pickles and archives are stored, marked and scanned, but never loaded; no programs"),
    gettext_noop("all files"),
)
STATUSES = (
    gettext_noop("Bad Request"),
    gettext_noop("Unauthorized"),
    gettext_noop("Forbidden"),
    gettext_noop("Not Found"),
    gettext_noop("Method Not Allowed"),
    gettext_noop("Conflict"),
    gettext_noop("Gone"),
    gettext_noop("Request Entity Too Large"),
    gettext_noop("Request-URI Too Long"),
    gettext_noop("Too Many Requests"),
    gettext_noop("Internal Server Error"),
    gettext_noop("Not Implemented"),
    gettext_noop("Bad Gateway"),
    gettext_noop("Service Unavailable"),
    gettext_noop("Insufficient Storage"),
)
