"""Which requests are answered: to the names under which the page is served, from its pages."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from bokeh.resources import Resources
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.static_handler import StaticHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_EVERYWHERE = ("0.0.0.0", "::")


def named(host: str) -> str:
    """A host as browsers write it: in lower case, and a numeric one as four numbers.

    Raises
    ------
    ValueError
        If it is empty, which would be every address of the machine.
    """
    name = host.lower()
    if not name:
        raise ValueError(
            "--host must be a name or an IPv4 address, got ''; 0.0.0.0 is every address"
        )
    if re.fullmatch(r"[0-9a-fx.]+", name):
        with suppress(OSError):  # a name of such letters
            return socket.inet_ntoa(socket.inet_aton(name))
    return name


class Doors:
    """The names at which a page is reached.

    A page elsewhere can have its own name point to this machine; the browser then takes what is
    served here for a part of that page, but says the name that it was asked for. No page has a
    numeric address so.

    Parameters
    ----------
    host : str
        Where the server listens, as `named` writes it.
    port : int
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self.is_everywhere = host in _EVERYWHERE
        names = {host, f"[{host}]"}
        if host in (*_LOCAL, "::1") or self.is_everywhere:
            names.update(_LOCAL)
        if self.is_everywhere:
            names.update(name.lower() for name in (socket.gethostname(), socket.getfqdn()))
        self._names = names

    @property
    def origins(self) -> list[str]:
        """The origins that Bokeh accepts of a websocket, after `refusal` has checked it."""
        known = [f"{name}:{self._port}" for name in sorted(self._names) if not name.startswith("[")]
        return ["*"] if self.is_everywhere else [*known, f"[::1]:{self._port}"]

    def opens(self, place: str) -> bool:
        """Whether a host with its port is one of the page's."""
        name, port = _split(place.lower())
        if (port or "80") != str(self._port):
            return False
        return name in self._names or (self.is_everywhere and _is_numeric(name))

    def refusal(self, request: HTTPServerRequest) -> str:
        """Why a request is refused, in a sentence; empty where it is answered."""
        if not self.opens(request.headers.get("Host", "")):
            return (
                "The host of this address is not where overprune explore serves: open the one it "
                "has printed."
            )
        origin = request.headers.get("Origin", request.headers.get("Sec-Websocket-Origin"))
        if origin is not None and not self._is_own(origin):
            return (
                "A page of another origin has asked overprune explore, which answers its own alone."
            )
        is_foreign = request.headers.get("Sec-Fetch-Site", "none") in ("cross-site", "same-site")
        if is_foreign and request.headers.get("Sec-Fetch-Dest") != "document":
            return (
                "A page of another site has asked overprune explore, which answers its own alone."
            )
        return ""

    def _is_own(self, origin: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self.opens(parts.netloc)


class GuardedTornado(BokehTornado):  # type: ignore[misc]  # Bokeh's types are not read
    """Bokeh's server behind such doors, for pages, files and websockets alike."""

    def __init__(self, applications: Any, doors: Doors, **settings: Any) -> None:
        self._doors = doors
        super().__init__(applications, extra_websocket_origins=doors.origins, **settings)

    def find_handler(self, request: HTTPServerRequest, **options: Any) -> Any:
        reason = self._doors.refusal(request)
        if reason:
            return self.get_handler_delegate(request, _Refusal, {"reason": reason})
        return super().find_handler(request, **options)

    def resources(self, absolute_url: str | bool | None = None) -> Resources:
        """Where pages load Bokeh's scripts from: here, whatever BOKEH_RESOURCES says. They write
        to the browser's console only what is wrong."""
        return Resources(
            mode="server",
            root_url="/",
            path_versioner=StaticHandler.append_version,
            log_level="warn",
        )


class _Refusal(RequestHandler):
    def initialize(self, reason: str) -> None:
        self._text = reason

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(f"{self._text}\n")


def _split(place: str) -> tuple[str, str]:
    """Name and port of a host, the brackets of IPv6 with the name."""
    if place.startswith("["):
        name, bracket, port = place.partition("]")
        return name + bracket, port.removeprefix(":")
    name, _, port = place.partition(":")
    return name, port


def _is_numeric(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
