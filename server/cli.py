"""`hub serve`: serve the web pages, the API and the Hugging Face Hub protocol from the registry of this installation."""

from __future__ import annotations

import os
import signal
import socket
import webbrowser
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer

from hub.errors import HubError, InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from uvicorn import Config

    from hub.local import LocalHub

KEEP_ALIVE_S = 75
"""Seconds that idle connections of a proxy stay open: longer than in nginx, so that nginx never uses a closed one."""

TRY_IT = "try-it"
"""Name of the part that `--no-try` leaves out."""


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 accepts connections from other machines.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free port.")] = 8000,
    mirror: Annotated[
        str, typer.Option(help="URL of a hub to mirror: missing artifacts are fetched from it once and cached.")
    ] = "",
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of processes that share the port.")] = 1,
    proxy: Annotated[
        str,
        typer.Option(
            help="IP addresses of trusted proxies, separated by commas: their X-Forwarded-… headers are used."
        ),
    ] = "",
    root_path: Annotated[
        str, typer.Option(help="Path below which the server is reached, such as /hub; the proxy must not remove it.")
    ] = "",
    grace: Annotated[int, typer.Option(min=0, help="Seconds to wait for running requests when the server stops.")] = 30,
    no_try: Annotated[
        bool, typer.Option("--no-try", help="Do not generate images for visitors: leave out the page /try.")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the web pages and the API until Ctrl-C."""
    # Shells start background jobs with SIGINT ignored, and Python keeps it so. uvicorn handles it only once it runs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        from server.http.accel_redirect import offload_prefix
        from server.part import server_parts
        from server.processes import APP, run_process, run_processes
        from server.rates import configured_rates
        from server.scrubber import Scrubber, configured_scrub_rate
        from server.site.root_path import configured_root_path, parse_root_path
    except ImportError as error:
        raise MissingExtra("serve", "`hub serve`") from error
    from hub.local import LocalHub

    rates, scrub_rate = configured_rates(), configured_scrub_rate()  # Raise before anything is started.
    if mirror:
        os.environ["HUB_MIRROR"] = mirror  # Each worker process reads it.
    if root_path:
        os.environ["HUB_ROOT_PATH"] = parse_root_path(root_path)  # Each worker process reads it.
    root = configured_root_path()
    if no_try:
        left_out = filter(None, (os.environ.get("HUB_WITHOUT_PARTS", ""), TRY_IT))
        os.environ["HUB_WITHOUT_PARTS"] = ",".join(left_out)  # Each worker process reads it.
    parts = server_parts()
    if mirror and "mirror" not in {part.name for part in parts}:
        raise InvalidRequest(
            "`--mirror` needs the part `mirror`, which is disabled: check HUB_WITHOUT_PARTS with `hub doctor`."
        )
    for part in parts:
        part.configure()
    with closing(listen(host, port)) as listener, closing(LocalHub.open()) as hub, ExitStack() as beside:
        for part in parts:
            beside.enter_context(part.beside())
        address = _address(host, listener) + root

        def announce() -> None:
            """Say that the server responds. Its signal handlers are set by then, so that it can be stopped as well."""
            with closing(LocalHub.open()) as own:  # Not `hub`, which is closed if other processes serve.
                created = _first_administrator(own)
            running = f"linguahub is running at {address} (press Ctrl-C to stop). For Hugging Face clients, set HF_ENDPOINT={address}"
            typer.echo("\n".join([running, *created]))  # Last: one process only responds once this function returns.
            if open_browser:
                webbrowser.open(address)

        if workers == 1:
            from server.app import create_app
            from server.worker import Worker

            scrubber = Scrubber(hub, scrub_rate)
            app = create_app(
                hub, Worker(hub), scrubber=scrubber, offload=offload_prefix(), parts=parts, rates=rates, root_path=root
            )
            run_process(server_config(app, proxies=proxy, grace_s=grace), listener, announce)
            return
        hub.close()  # The schema is current and the cards are indexed. Each worker opens its own.
        run_processes(server_config(APP, proxies=proxy, grace_s=grace, workers=workers), listener, announce)


def _first_administrator(hub: LocalHub) -> list[str]:
    """Create an administrator on the first start, and return the lines that show its token, once."""
    if any(each.is_admin for each in hub.accounts.all()):
        return []
    from hub.registry.accounts.permissions import Actor

    actor = Actor("hub serve")
    admin = hub.accounts.add("admin", actor, is_admin=True, full_name="Administrator")
    secret = hub.tokens.create(admin, "write", actor, name="first start")
    return [
        f"Created the administrator `{admin.name}` with this token, which is shown only once: {secret}",
        f"To log in on the web page, set a password: hub admin user password {admin.name}",
    ]


def server_config(app: object, *, proxies: str = "", grace_s: int | None = None, workers: int = 1) -> Config:
    """Return uvicorn's configuration for `app`, an application or the name of a factory.

    uvicorn's own access log is disabled because it contains query strings, in which there may be tokens.
    """
    from uvicorn import Config

    from server.connections import http_protocol
    from server.connections.header_clock import MAX_HEADER_BYTES

    plain = {"format": "%(asctime)s %(levelname)s %(message)s"}
    logging = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": plain},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
        "loggers": {
            "server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "hub.registry": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "hub.store": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }
    return Config(
        app,  # type: ignore[arg-type]
        factory=isinstance(app, str),
        workers=workers,
        access_log=False,
        log_config=logging,
        server_header=False,
        http=http_protocol(),
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        timeout_keep_alive=KEEP_ALIVE_S if proxies else 5,
        timeout_graceful_shutdown=grace_s,
        timeout_worker_healthcheck=60,  # A worker that does not respond or start within this time is replaced.
    )


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raises HubError for a port in use, before anything is printed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)[0]
    except socket.gaierror as error:
        raise InvalidRequest(f"`--host {host}` is not an address of this machine: use 127.0.0.1 or 0.0.0.0.") from error
    # asyncio disables Nagle's algorithm, which delays responses by 40 ms, only if the protocol is IPPROTO_TCP.
    listener = socket.socket(*found[:3])
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(2048)  # uvicorn's default backlog.
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise HubError(f"cannot listen on {host} port {port}: {reason}. Try `hub serve --port 0`.") from error
    return listener


def _address(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
