"""Calls of every endpoint that changes something, with the audit entries that each has written."""

from __future__ import annotations

import base64
import hashlib
import json

from hub.registry.accounts.permissions import Actor
from hub.registry.accounts.sessions import Sessions
from hub.registry.membership.account_policy import AccountPolicy, set_account_policy
from hub.registry.membership.reset_links import create_reset_link
from server.parts.device_login.oauth import DEVICE
from tests.builders.server.keys import a_public_key
from tests.builders.server.people import OTHER_PASSWORD, PASSWORD
from tests.builders.server.scans import mark_malicious

REPO = "/api/models/ada/module"
COMMIT = "\n".join(
    json.dumps(line)
    for line in (
        {"key": "header", "value": {"summary": "Say hello"}},
        {"key": "file", "value": {"path": "a.txt", "content": base64.b64encode(b"x").decode(), "encoding": "base64"}},
    )
)


SCORE = {
    "metric": "accuracy", "value": 0.9, "benchmark": "emoji", "benchmark_digest": "d" * 64, "sample_size": 256, "seed": 3,
    "revision": "main", "run": "hub evaluate", "machine": "two cores",
}  # fmt: skip


class Journey:
    """Calls one endpoint after the other, and records the audit entries of each."""

    def __init__(self, hub, token_of, browse):
        self.hub, self.browse = hub, browse
        self.tokens = {name: token_of(name) for name in ("root", "ada", "bob")}
        self.program, self.browser = browse("192.0.2.9").client, browse()
        self.entries: dict[str, list[tuple[str, str]]] = {}
        self.wrong: list[str] = []

    def lines(self):
        return self.hub.registry.database.rows("SELECT action, actor, token, address FROM audit ORDER BY id")

    def api(self, endpoint, name, method, path, **body):
        headers = {"authorization": f"Bearer {self.tokens[name]}"}
        return self._note(endpoint, lambda: self.program.request(method, path, headers=headers, **body))

    def admin(self, endpoint, method, path, body=None):
        return self.api(f"administration.{endpoint}", "root", method, f"/api/v1/admin/{path}", json=body)

    def form(self, endpoint, page, action, **fields):
        return self._note(endpoint, lambda: self.browser.send(page, action, fields))

    def _note(self, endpoint, ask):
        before = len(self.lines())
        response = ask()
        assert response.status_code < 400, (endpoint, response.text)
        new = self.lines()[before:]
        self.entries.setdefault(endpoint, []).extend((row["action"], row["actor"]) for row in new)
        self.wrong += [endpoint for row in new if not (row["actor"] and row["token"] and row["address"])]
        return response

    def administer(self):
        self.admin("add_user", "POST", "users", {"name": "eve"})
        self.admin("set_password", "PUT", "users/eve/password", {"password": PASSWORD})
        self.admin("create_reset_link", "POST", "users/eve/reset-link")
        self.admin("set_account_policy", "PUT", "account-policy", {"organisations": True})
        self.admin("set_admin", "PUT", "users/eve/admin", {"is_admin": True})
        self.admin("create_token", "POST", "users/eve/tokens", {"role": "read"})
        number = self.hub.tokens.of(self.hub.accounts.get("eve"))[0].id
        self.admin("revoke_token", "DELETE", f"users/eve/tokens/{number}")
        self.admin("add_organisation", "POST", "organisations", {"name": "club"})
        self.admin("set_member", "PUT", "organisations/club/members/eve", {"role": "read"})
        self.admin("set_quota", "PUT", "quotas/eve", {"quota_bytes": 5})
        self.admin("allow_webhook_host", "PUT", "webhook-hosts/ci.lab", {"allowed": True})
        self.admin("retry_jobs", "POST", "outbox/retry", {"task": ""})
        self.admin("remove_user", "DELETE", "users/eve")
        self.admin("restore_user", "POST", "users/eve/restore")

    def publish(self):
        self.api("repositories.create_repository", "ada", "POST", "/api/repos/create", json={"name": "module"})
        self.api("commits.make_commit", "ada", "POST", f"{REPO}/commit/main", content=COMMIT)
        self.api("branches.create_branch", "ada", "POST", f"{REPO}/branch/dev")
        self.api("branches.delete_branch", "ada", "DELETE", f"{REPO}/branch/dev")
        self.api("branches.create_tag", "ada", "POST", f"{REPO}/tag/main", json={"tag": "v1"})
        self.api("branches.delete_tag", "ada", "DELETE", f"{REPO}/tag/v1")
        self.api("branches.squash_branch", "ada", "POST", f"{REPO}/super-squash/main")
        self.api("likes.add_like", "bob", "POST", f"{REPO}/like")
        self.api("likes.remove_like", "bob", "DELETE", f"{REPO}/like")
        bob = self.browse()
        bob.enter(self.hub, "bob")
        for liked in ("yes", "no"):
            self._note("actions.change_like", lambda: bob.send("/ada/module", "/ada/module/like", {"liked": liked}))  # noqa: B023 - called at once
        copy = {"repository": "ada/copy"}
        self.api("duplicates.duplicate_repository", "ada", "POST", f"{REPO}/duplicate", json=copy)
        erased = {"deletions": {"sha": [hashlib.sha256(b"x").hexdigest()], "rewriteHistory": True}}
        path = "/api/models/ada/copy/lfs-files/batch"
        self.api("large_files.erase_large_files", "ada", "POST", path, json=erased)
        self.admin("allow_unsafe_files", "PUT", "repositories/ada%2Fmodule/policy", {"allow_unsafe_files": True})
        self.admin("set_file_policy", "PUT", "file-policies", {"policy": "any", "owner": "ada"})
        digest = mark_malicious(self.hub)
        self.admin("allow_file", "PUT", f"malicious-files/{digest}", {"allowed": True})
        root = self.browse()
        self.hub.accounts.set_password("root", PASSWORD, Actor("root"))
        root.log_in("root")
        files = "/administration/files"
        self._note("flagged_files.allow_file", lambda: root.send(files, f"{files}/{digest}", {}))
        self.moderate(root, files)

    def moderate(self, root, files):
        """Report, answer, hide and block, by the API and by pages."""
        wrong = {"reason": "other", "text": "it is broken"}
        self.api("artifact_reports.post_report", "bob", "POST", "/api/v1/artifacts/ada/module/reports", json=wrong)
        bob, page = self.browse(), "/ada/module/report"
        bob.enter(self.hub, "bob")
        self._note("report_form.report", lambda: bob.send(page, page, {"reason": "licence", "text": "not free"}))
        self.admin("answer_report", "PUT", "reports/1", {"state": "resolved", "answer": "thank you"})
        answer = {"state": "dismissed", "answer": "it is free"}
        self._note(
            "reported.answer", lambda: root.send("/administration/reports/2", "/administration/reports/2", answer)
        )
        self.admin("hide_artifact", "PUT", "hidden-artifacts/ada%2Fmodule", {"reason": "it is broken"})
        self.admin("show_artifact", "DELETE", "hidden-artifacts/ada%2Fmodule")
        block = {"artifact": "ada/module", "file": ".gitattributes", "reason": "it attacks git"}
        digest = self.admin("block_file", "POST", "blocked-files", block).json()["digest"]
        self.admin("unblock_file", "DELETE", f"blocked-files/{digest}")
        self._note("flagged_files.block", lambda: root.send(files, files, block))
        self._note("flagged_files.unblock", lambda: root.send(files, f"{files}/unblock", {"digest": digest}))
        health, jobs = "/administration", "/administration/jobs"
        policy = {"sign_up": "yes", "files": "any"}
        self._note("server_health.change_policy", lambda: root.send(health, f"{health}/policy", policy))
        self._note("background_jobs.retry_jobs", lambda: root.send(health, jobs, {"task": "x"}))
        users = "/administration/users"
        self._note("user_accounts.add_account", lambda: root.send(users, users, {"kind": "user", "name": "zoe"}))
        self._note("user_accounts.change_user", lambda: root.send(users, f"{users}/zoe", {"action": "reset-link"}))
        typed = {"new": PASSWORD, "again": PASSWORD}
        link = create_reset_link(self.hub.registry.database, "zoe", Actor("root")).path
        zoe, visitor = self.browse(), self.browse()
        self._note("reset.reset_password", lambda: zoe.send(link, link, typed))
        self._note("sign_up.create_account", lambda: visitor.send("/signup", "/signup", {"name": "iris", **typed}))

    def organise(self):
        """A user's journey in the settings: profile, organisations, sessions and access requests."""
        ada, at = self.browse(), "/settings/organisations"
        ada.log_in()
        send = lambda action, **fields: ada.send("/settings", action, fields)  # noqa: E731
        self._note("profile.change", lambda: send("/settings", full_name="Ada L.", about="I like Yoruba."))
        set_account_policy(self.hub.registry.database, AccountPolicy(sign_up=True, organisations=True), Actor("root"))
        self._note("own_organisations.create", lambda: send(at, name="crew"))
        self._note("own_organisations.change_organisation", lambda: send(f"{at}/crew", full_name="The crew", about=""))
        self._note("own_organisations.change_member", lambda: send(f"{at}/crew/members", user="bob", role="admin"))
        self._note("own_organisations.leave", lambda: send(f"{at}/crew/leave"))
        self.browse("192.0.2.7").log_in()
        self._note("password_and_sessions.end_other_sessions", lambda: send("/settings/sessions/end-others"))
        answer = {"artifact": "ada/module", "user": "bob", "status": "accepted"}
        self._note("access_decisions.decide", lambda: send("/settings/access", **answer))

    def annotate(self):
        """Aliases, yanking, scores and disputes."""
        at = "/api/v1/artifacts/ada/module"
        self.api("revisions.put_alias", "ada", "PUT", f"{at}/aliases/@stable", json={"revision": "main"})
        self.api("revisions.put_alias", "ada", "PUT", f"{at}/aliases/@stable", json={"revision": "1"})
        self.api("revisions.remove_alias", "ada", "DELETE", f"{at}/aliases/@stable")
        self.api("revisions.yank_revision", "ada", "POST", f"{at}/revisions/1/yank", json={"reason": "wrong"})
        self.api("revisions.unyank_revision", "ada", "DELETE", f"{at}/revisions/1/yank")
        ada, history = self.browse(), "/ada/module/commits/main"
        ada.enter(self.hub)
        for fields in ({"yanked": "yes", "reason": "wrong"}, {"yanked": "no"}):
            yank = {"revision": "1", **fields}
            self._note("actions.change_yank", lambda: ada.send(history, "/ada/module/yank", yank))  # noqa: B023 - called at once
        for gated in ("auto", ""):
            chosen = {"visibility": "public", "gated": gated}
            self._note(
                "repository_settings.change_visibility",
                lambda: ada.send("/ada/module/settings", "/ada/module/settings", chosen),  # noqa: B023 - called at once
            )
        published = self.api("scores.post_score", "bob", "POST", f"{at}/scores", json=SCORE).json()["id"]
        self.api("scores.post_dispute", "ada", "POST", f"{at}/scores/{published}/disputes", json={"reason": "too few"})

    def gate(self):
        self.api("repositories.set_repository", "ada", "PUT", f"{REPO}/settings", json={"gated": "manual"})
        self.api("access_requests.request_file_access", "bob", "POST", "/ada/module/ask-access")
        self.api(
            "access_requests.answer_request",
            "ada",
            "POST",
            f"{REPO}/user-access-request/handle",
            json={"user": "bob", "status": "rejected"},
        )
        self.api(
            "access_requests.grant_access", "ada", "POST", f"{REPO}/user-access-request/grant", json={"user": "root"}
        )

    def log_in(self):
        self.form("login.log_in", "/login", "/login", name="bob", password=PASSWORD)
        self.form("access_tokens.create_token", "/settings", "/settings/tokens", role="read", name="laptop", days="")
        bob = self.hub.accounts.get("bob")
        self.form("access_tokens.revoke_token", "/settings", f"/settings/tokens/{self.hub.tokens.of(bob)[0].id}/revoke")
        self.browse("192.0.2.8").log_in("bob")
        other = Sessions(self.hub.registry.database).of(bob)[0].id
        self.form("password_and_sessions.end_session", "/settings", f"/settings/sessions/{other}/end")
        self.form(
            "publish.begin_artifact",
            "/publish",
            "/publish",
            owner="bob",
            name="drawn",
            kind="model",
            visibility="public",
        )
        page, head = "/bob/drawn/edit/main/README.md", self.hub.registry.tip("bob/drawn", "main").id
        card = "---\nlanguage: yo\nlicense: mit\nlinguahub:\n  kind: encoder\n  summary: Reads it.\n---\n\n# Drawn\n"
        self.form("editor.save_card", page, page, text=card, message="Describe", parent=head)
        codes = self.program.post("/oauth/device", data={"client_id": "hf"}).json()
        self.form("page.answer_device", "/device?user_code=" + codes["user_code"], "/device",
                  user_code=codes["user_code"], answer="accept", role="write")  # fmt: skip
        given = {"grant_type": DEVICE, "client_id": "hf", "device_code": codes["device_code"]}
        body = self._note("oauth.issue_token", lambda: self.program.post("/oauth/token", data=given)).json()
        renewal = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        self._note("oauth.issue_token", lambda: self.program.post("/oauth/token", data=renewal))
        self.api("repositories.create_repository", "ada", "POST", "/api/repos/create", json={"name": "gated"})
        self.api("repositories.set_repository", "ada", "PUT", "/api/models/ada/gated/settings", json={"gated": "auto"})
        self.form("access_request.request_access", "/ada/gated", "/ada/gated/request-access")
        self.form("password_and_sessions.change_password", "/settings", "/settings/password",
                  current=PASSWORD, new=OTHER_PASSWORD, again=OTHER_PASSWORD)  # fmt: skip
        self.form("login.log_out", "/settings", "/logout")

    def watch(self):
        """Webhooks and signing keys."""
        hook = {"url": "https://ci.example.org/x", "watched": [{"type": "user", "name": "ada"}], "domains": ["repo"]}
        old, new = "/api/settings/webhooks", "/api/v1/webhooks"
        made = self.api("routes.create_for_client", "ada", "POST", old, json=hook).json()["webhook"]["id"]
        self.api("routes.change_for_client", "ada", "POST", f"{old}/{made}", json=hook)
        self.api("routes.disable_for_client", "ada", "POST", f"{old}/{made}/disable")
        self.api("routes.enable_for_client", "ada", "POST", f"{old}/{made}/enable")
        self.api("routes.delete_for_client", "ada", "DELETE", f"{old}/{made}")
        made = self.api("routes.create_webhook", "ada", "POST", new, json=hook).json()["id"]
        self.api("routes.update_webhook", "ada", "PATCH", f"{new}/{made}", json={"domains": ["score"]})
        self.api("routes.delete_webhook", "ada", "DELETE", f"{new}/{made}")
        keys, key = "/api/v1/accounts/ada/signing-keys", {"name": "laptop", "pem": a_public_key()}
        made = self.api("administration.add_signing_key", "ada", "POST", keys, json=key).json()["fingerprint"]
        self.api("administration.revoke_signing_key", "ada", "DELETE", f"{keys}/{made}")

    def end(self):
        moved = {"fromRepo": "ada/module", "toRepo": "ada/moved"}
        self.api("repositories.rename_repository", "ada", "POST", "/api/repos/move", json=moved)
        self.api("repositories.remove_repository", "ada", "DELETE", "/api/repos/delete", json={"name": "ada/moved"})
        self.admin("free_name", "DELETE", "tombstones/ada%2Fmoved")
