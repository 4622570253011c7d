"""The server of `hyp view`: on loopback alone, behind a random token, for reading alone."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from hyp.errors import HypError
from hyp.store import Store
from hyp.store.steps import KEY
from hyp.text import printable
from hyp.view import pages
from hyp.view.shelf import Shelf

LOOPBACK = "127.0.0.1"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGES: dict[str, Callable[..., str]] = {
    "": pages.store_page,
    "progress": pages.progress,
    f"run/({KEY.pattern})": pages.run_page,
    f"run/({KEY.pattern})/report": pages.report_page,
    f"run/({KEY.pattern})/row/([0-9]{{1,6}})": pages.row_page,
    f"artifact/({KEY.pattern})": pages.artifact_page,
}


class _Guarded(RequestHandler):
    """Answers only whoever knows the token; `made` returns the page."""

    def initialize(self, token: str, made: Callable[..., str] = str) -> None:
        self.token, self.made = token, made

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        given = self.request.path.split("/")[1]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            raise HTTPError(403, reason="the address needs the token that hyp view printed")

    def get(self, *parts: str) -> None:
        raise HTTPError(404, reason="there is no such page")

    def write_error(self, status_code: int, **more: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code}: {self._reason}\n")


class _Page(_Guarded):
    """A page that is made from the store."""

    def get(self, *parts: str) -> None:
        query = {name: self.get_arguments(name) for name in self.request.query_arguments}
        try:
            self.write(self.made(f"/{self.token}/", query, *parts))
        except HypError as error:
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.write(printable(str(error)))


class _Script(_Guarded):
    """The few lines that ask for progress."""

    def get(self, *parts: str) -> None:
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.write(files("hyp.reports").joinpath("templates/live.js").read_bytes())


def application(store: Store, token: str) -> Application:
    """Return the pages of a store under ``/<token>/``; anything else is refused with 403."""
    shelf = Shelf(store)
    routes: list[Any] = [
        (rf"/[^/]+/{path}", _Page, {"token": token, "made": partial(make, shelf)})
        for path, make in _PAGES.items()
    ]
    routes += [(r"/[^/]+/live\.js", _Script, {"token": token})]
    return Application(
        routes,
        default_handler_class=_Guarded,
        default_handler_args={"token": token},
        log_function=lambda handler: None,
    )


async def serve(
    store: Store, port: int, told: Callable[[str], None], ended: asyncio.Event | None = None
) -> None:
    """Serve the pages of a store until the task is cancelled or `ended` is set.

    Parameters
    ----------
    store : Store
    port : int
        0 takes a free one.
    told : callable
        Called with the address once it answers.

    Raises
    ------
    HypError
        If the port is taken.
    """
    token = secrets.token_urlsafe(24)
    try:
        sockets = bind_sockets(port, LOOPBACK, socket.AF_INET)
    except OSError as error:
        raise HypError(f"port {port} is taken ({error.strerror}); choose another.") from error
    server = HTTPServer(application(store, token))
    server.add_sockets(sockets)
    told(f"http://{LOOPBACK}:{sockets[0].getsockname()[1]}/{token}/")
    try:
        await (ended or asyncio.Event()).wait()
    finally:
        server.stop()
        await server.close_all_connections()
