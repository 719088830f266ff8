"""Start webhook receivers that are real servers, and create webhooks that point to them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """The requests that arrived, and the statuses to respond with."""

    url: str = ""
    arrived: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    """Statuses returned in turn, then 200."""
    headers: dict = field(default_factory=dict)

    @property
    def bodies(self):
        return [json.loads(body) for _, body in self.arrived]


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            receiver.arrived.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(60)


WATCH_ADA = [{"type": "user", "name": "ada"}]


def make(as_, receiver, name="ada", **changes):
    body = {"url": receiver.url, "watched": WATCH_ADA, "domains": ["repo"], "secret": "s3cret", **changes}
    answer = as_(name, "POST", "/api/v1/webhooks", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def create(as_, name="ada", repository="thing", **options):
    assert as_(name, "POST", "/api/repos/create", {"name": repository, **options}).status_code == 200
