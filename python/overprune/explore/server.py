"""Serves the page on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakSet

from bokeh.application import Application
from bokeh.application.handlers.handler import Handler
from bokeh.document import Document
from bokeh.server.server import BaseServer
from bokeh.server.util import bind_sockets
from jinja2 import Environment, FileSystemLoader
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop

from .curves import Picture, picture
from .doors import Doors, GuardedTornado, named
from .page import Page
from .pictures import BusyError, Pictures
from .state import State, of_query

DEFAULT_PORT = 5006
_LOCAL = ("localhost", "127.0.0.1")
_PATIENCE = 5.0  # seconds until a page is sent without its picture, which then comes later
_LARGEST_MESSAGE = 2**20  # bytes of a websocket's: a config is the longest
# Bytes of a request's body, which is kept until it is refused: pages send none.
_LARGEST_BODY = 2**16


def serve(
    state: State,
    notes: Sequence[str],
    host: str,
    port: int | None,
    ready: Callable[[str, bool], Any],
) -> None:
    """Serves the page until an interrupt or SIGTERM.

    Parameters
    ----------
    state : State
        What a visitor sees whose address says nothing else.
    notes : sequence of str
        Shown with it.
    host : str
        Name or IPv4 address to listen at; "localhost" is reached from this machine alone, "0.0.0.0"
        from everywhere.
    port : int, optional
        0 takes any that is free; so does None, where 5006 is not.
    ready : callable
        Given the page's address as soon as it answers, and whether every address of this machine
        does.

    Raises
    ------
    ValueError
        If the host is empty.
    OSError
        If the host or port cannot be had; the message names them.
    """
    picture(state)  # what it needs is imported before the first visitor comes
    for name in ("bokeh", "tornado.access"):
        logging.getLogger(name).setLevel(logging.ERROR)
    name = named(host)
    is_everywhere = Doors(name, 0).is_everywhere
    server, number = make_server(state, notes, name, port)
    loop = server.io_loop
    earlier = {
        number: signal.signal(number, lambda *_: loop.add_callback(loop.stop))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        server.start()
        shown = "localhost" if name in _LOCAL or is_everywhere else name
        loop.add_callback(ready, f"http://{shown}:{number}/", is_everywhere)
        loop.start()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        server.stop()


def make_server(
    state: State, notes: Sequence[str], host: str, port: int | None
) -> tuple[Server, int]:
    """A server on this thread's loop and the port that it has; parameters as in `serve`."""
    number = _port(host, port)
    try:
        sockets, number = bind_sockets(host, number)
    except OSError as error:  # taken since, or at another address of the same name
        raise OSError(f"port {number} of {host} cannot be had: {error.strerror or error}") from None
    visits = Visits(state, notes, Pictures())
    tornado = GuardedTornado(
        {"/": Application(visits)},
        Doors(host, number),
        check_unused_sessions_milliseconds=1_000,
        unused_session_lifetime_milliseconds=3_000,
        websocket_max_message_size_bytes=_LARGEST_MESSAGE,
    )
    http = HTTPServer(tornado, max_body_size=_LARGEST_BODY)
    http.add_sockets(sockets)
    return Server(tornado, http, visits), number


class Server(BaseServer):  # type: ignore[misc]  # Bokeh's types are not read
    """Bokeh's server; at its end the pages end what runs for them."""

    def __init__(self, tornado: GuardedTornado, http: HTTPServer, visits: Visits) -> None:
        super().__init__(IOLoop.current(), tornado, http)
        self._visits = visits

    def stop(self, wait: bool = True) -> None:
        self._visits.close()
        super().stop(wait)


@dataclass
class _Visit:
    """A visitor's state, and its picture to come, or why none comes."""

    state: State
    notes: list[str]
    begun: Future[Picture] | None = None
    refusal: str = ""


@dataclass
class Visits(Handler):  # type: ignore[misc]  # Bokeh's types are not read
    """Makes a page for each visitor once its picture is there or has taken long."""

    state: State
    notes: Sequence[str]
    pictures: Pictures

    def __post_init__(self) -> None:
        super().__init__()
        self._pages: WeakSet[Page] = WeakSet()
        self._visits: dict[str, _Visit] = {}

    async def on_session_created(self, session_context: Any) -> None:
        visit = _visit(session_context, self.state, self.notes)
        self._visits[session_context.id] = visit
        try:
            visit.begun = self.pictures.begin(visit.state)
        except BusyError as error:
            visit.refusal = str(error)
            return
        await asyncio.wait([asyncio.wrap_future(visit.begun)], timeout=_PATIENCE)

    def modify_document(self, doc: Document) -> None:
        doc.title = "overprune explore"
        folder = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=False)
        doc.template = folder.get_template("page.html")
        visit = self._visits.pop(doc.session_context.id)
        self._pages.add(
            Page(
                doc,
                visit.state,
                visit.notes,
                self.pictures,
                begun=visit.begun,
                refusal=visit.refusal,
            )
        )

    def close(self) -> None:
        """Ends what runs for the pages."""
        for page in self._pages:
            page.close()
        self.pictures.close()


def _visit(session_context: Any, state: State, notes: Sequence[str]) -> _Visit:
    """The state of the visitor's address, if that names one."""
    request = session_context.request
    found: Mapping[str, list[bytes]] = {} if request is None else request.arguments
    try:
        shown, left_out = of_query(
            {name: values[-1].decode("utf-8", "replace") for name, values in found.items()}, state
        )
    except ValueError as error:
        return _Visit(state, [f"{error}."])
    return _Visit(shown, list(notes) if shown is state else left_out)


def _port(host: str, port: int | None) -> int:
    """A port that can be bound now."""
    for number in (DEFAULT_PORT, 0) if port is None else (port,):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, number))
                return int(probe.getsockname()[1])
        except OSError as error:
            failure = error
    what = f"port {port} of {host}" if port else f"host {host}"
    raise OSError(f"{what} cannot be had: {failure.strerror or failure}")
