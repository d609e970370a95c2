"""Serves the page on this machine, until Ctrl-C."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakSet

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server
from jinja2 import Environment, FileSystemLoader

from .curves import picture
from .page import Page
from .state import State

DEFAULT_PORT = 5006
_LOCAL = ("localhost", "127.0.0.1")


def serve(
    state: State, notes: Sequence[str], host: str, port: int | None, ready: Callable[[str], Any]
) -> None:
    """Serves the page until an interrupt or SIGTERM.

    Parameters
    ----------
    state : State
        What a visitor sees whose address says nothing else.
    notes : sequence of str
        Shown with it.
    host : str
        Name or IPv4 address to listen at; "localhost" is reached from this machine alone.
    port : int, optional
        0 takes any that is free; so does None, where 5006 is not.
    ready : callable
        Given the page's address as soon as it answers.

    Raises
    ------
    OSError
        If the host or port cannot be had; the message names them.
    """
    picture(state)  # what it needs is imported before the first visitor comes
    for name in ("bokeh", "tornado.access"):
        logging.getLogger(name).setLevel(logging.ERROR)
    number = _port(host, port)
    names = _LOCAL if host in _LOCAL else (host,)
    origins = ["*"] if host == "0.0.0.0" else [f"{name}:{number}" for name in names]
    pages: WeakSet[Page] = WeakSet()
    application = Application(FunctionHandler(lambda doc: pages.add(make_page(doc, state, notes))))
    try:
        server = Server(
            {"/": application},
            port=number,
            address=host,
            allow_websocket_origin=origins,
            check_unused_sessions_milliseconds=1_000,
            unused_session_lifetime_milliseconds=3_000,
        )
    except OSError as error:  # taken since, or at another address of the same name
        raise OSError(f"port {number} of {host} cannot be had: {error.strerror or error}") from None
    loop = server.io_loop
    earlier = {
        number: signal.signal(number, lambda *_: loop.add_callback(loop.stop))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        server.start()
        shown = "localhost" if host in (*_LOCAL, "0.0.0.0") else host
        loop.add_callback(ready, f"http://{shown}:{number}/")
        loop.start()
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
        for page in pages:
            page.close()
        server.stop()


def make_page(doc: Document, state: State, notes: Sequence[str]) -> Page:
    """Fills a visitor's document: with the state of its address, if that names one."""
    doc.title = "overprune explore"
    folder = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=False)
    doc.template = folder.get_template("page.html")
    shown: list[str] = list(notes)
    try:
        shown_state = State.of_query(_arguments(doc), state)
        if shown_state is not state:
            shown = []
    except ValueError as error:
        shown_state, shown = state, [f"In the address, {error}."]
    return Page(doc, shown_state, shown)


def _arguments(doc: Document) -> dict[str, str]:
    context = doc.session_context
    request = None if context is None else context.request
    found = {} if request is None else request.arguments
    return {name: values[-1].decode("utf-8", "replace") for name, values in found.items()}


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
