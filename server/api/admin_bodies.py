"""Bodies of /api/v1/admin."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.administration.contract import MOST_DAYS
from hub.registry.accounts import MOST_BYTES
from hub.registry.secrets import LONGEST, SHORTEST
from server.webhooks.bodies import DeliveryBody
from server.wire import Body

Line = Annotated[str, Field(json_schema_extra={"maxLength": 200})]
"""Words that people read, on one line. What a value may be is written here and checked behind, so that it is refused in the
same words wherever `hub admin` is run."""
Role = Annotated[str, Field(json_schema_extra={"enum": ["read", "write"]})]


class Asked(BaseModel):
    """Of a question: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True)


class NewUser(Asked):
    """A user to be."""

    name: Line = Field(examples=["ada"])
    is_admin: bool = False
    full_name: Line = ""
    email: Line = ""


class NewOrganisation(Asked):
    """An organisation to be."""

    name: Line = Field(examples=["lab"])
    full_name: Line = ""


class NewPassword(Asked):
    """A password, in the clear: send it over https."""

    password: str = Field(
        examples=["correct horse battery"], json_schema_extra={"minLength": SHORTEST, "maxLength": LONGEST}
    )


class NewStanding(Asked):
    """Whether a user is an administrator."""

    is_admin: bool


class NewToken(Asked):
    """A token to be."""

    role: Role = "read"
    artifact: Line = Field("", description="The one artifact that it is for, `owner/name`; empty for all.")
    name: Line = Field("", description="What it is for.", examples=["laptop"])
    days: int | None = Field(
        None, description="When it ends; `null` for never.", json_schema_extra={"minimum": 1, "maximum": MOST_DAYS}
    )


class NewRole(Asked):
    """A role in an organisation."""

    role: str = Field(description="Empty: none any more.", json_schema_extra={"enum": ["read", "write", "admin", ""]})


class NewQuota(Asked):
    """A limit."""

    quota_bytes: int | None = Field(
        description="`null` for none.", json_schema_extra={"minimum": 0, "maximum": MOST_BYTES}
    )


class WhetherAnyFile(Asked):
    """A policy."""

    any_file: bool


class WhetherAllowed(Asked):
    """A permission."""

    allowed: bool


class WhatIsDue(Asked):
    """Work to be done now."""

    task: Line = Field("", description="Of this task alone; empty for all.", examples=["deliver-webhook"])


class AccountBody(Body):
    """A user or an organisation."""

    id: int
    name: str = Field(examples=["ada"])
    kind: Literal["user", "organisation"]
    full_name: str
    email: str
    is_admin: bool
    quota_bytes: int | None
    created_at: str
    removed_at: str | None


class AccountsBody(Body):
    """Users or organisations, by name."""

    items: list[AccountBody]


class TokenBody(Body):
    """A token, without its secret."""

    id: int
    name: str = Field(examples=["laptop"])
    role: Role
    artifact: str
    created_at: str
    last_used_at: str | None
    revoked_at: str | None
    expires_at: str | None


class TokensBody(Body):
    """Tokens of a user, newest first."""

    items: list[TokenBody]


class SecretBody(Body):
    """A new token's secret."""

    token: str = Field(examples=["lh_…"])


class MembershipBody(Body):
    """A user in an organisation."""

    name: str
    role: str


class MembersBody(Body):
    """Users of an organisation."""

    items: list[MembershipBody]


class QuotaBody(Body):
    """What an owner keeps, and may keep."""

    name: str
    used_bytes: int
    quota_bytes: int | None


class QuotasBody(Body):
    """Of every owner."""

    items: list[QuotaBody]


class PolicyBody(Body):
    """What an artifact may hold."""

    name: str
    any_file: bool


class FreedBody(Body):
    """A name that may be given again."""

    name: str


class HookBody(Body):
    """A webhook, without its secret and the rest of its URL, which may hold another one."""

    id: str
    host: str = Field(examples=["ci.example.org"])
    watched: list[str] = Field(examples=[["model ada/mulan-yo"]])
    disabled: bool


class HooksBody(Body):
    """Webhooks of a user, oldest first."""

    items: list[HookBody]


class ToldBody(DeliveryBody):
    """A delivery, and whose it is."""

    webhook_id: str


class DeliveriesBody(Body):
    """What a webhook was told, newest first."""

    items: list[ToldBody]


class HostBody(Body):
    """A host of the server's own network."""

    host: str = Field(examples=["ci.lab.internal"])
    allowed: bool = Field(description="Webhooks may reach it.")


class HostsBody(Body):
    """Those that webhooks may reach."""

    items: list[HostBody]


class DebtBody(Body):
    """Work that waits for the server's worker, or was given up."""

    id: int
    task: str = Field(examples=["deliver-webhook"])
    subject: str
    detail: dict[str, Any]
    attempts: int
    due_at: str
    claimed_until: str | None = Field(description="Whoever works on it must have finished by then.")
    error: str = Field(description="Why the last attempt failed.")
    given_up_at: str | None


class DebtsBody(Body):
    """Oldest first."""

    items: list[DebtBody]


class DueBody(Body):
    """How much was made due."""

    due: int


class AuditLineBody(Body):
    """A line of the audit log."""

    at: str | None
    actor: str
    token: str
    action: str = Field(examples=["commit"])
    subject: str
    detail: dict[str, Any]
    id: int
    address: str = Field(description="Of the client.")


class AuditLinesBody(Body):
    """The newest lines first."""

    items: list[AuditLineBody]
