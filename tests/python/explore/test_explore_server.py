"""Who `overprune explore` answers, and that no visitor waits for another's picture."""

from __future__ import annotations

import http.client
import re
import threading
from urllib.parse import parse_qsl

import pytest

pytest.importorskip("bokeh")


from bokeh.client import pull_session

from explore_thread import SMALL, served
from overprune.explore import pictures, server
from overprune.explore.doors import Doors
from overprune.explore.pictures import BusyError, Pictures

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "bokeh, token",
}


def ask(port, path="/", **headers):
    """Status and text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def texts(port, **arguments):
    """What the page of an address says: its answer and its status."""
    session = pull_session(url=f"http://localhost:{port}/", arguments=arguments)
    try:
        return tuple(session.document.get_model_by_name(name).text for name in ("answer", "status"))
    finally:
        session.close()


@pytest.fixture(scope="module")
def port():
    with served() as port:
        yield port


@pytest.mark.parametrize(
    "path", ["/", "/?p=60", "/static/js/bokeh.min.js", "/ws", "/metadata", "/nothing"]
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:{port}"},
        {"Host": "localhost.evil.example:{port}"},
        {"Host": "localhost"},
        {"Host": "localhost:1"},
        {"Host": "localhost:{port}@evil.example"},
        {"Host": ""},
        {"Host": "[::1"},
        {"Origin": "http://evil.example:{port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Origin": "file://localhost:{port}"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "image"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Dest": "iframe"},
    ],
    ids=lambda headers: " ".join(headers.values()),
)
def test_foreign_requests_are_refused_in_a_sentence(port, path, headers):
    """Case D3: a page that has its name point to this machine, or asks from elsewhere."""
    headers = {name: value.replace("{port}", str(port)) for name, value in headers.items()}
    status, text = ask(port, path, **headers, **(UPGRADE if path == "/ws" else {}))
    if status == 400:  # Tornado's own, for what is no host
        assert headers["Host"] in ("", "[::1", f"localhost:{port}@evil.example")
        return
    assert status == 403
    assert text.count("\n") == 1
    assert text.endswith(".\n")
    assert "overprune explore" in text


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_own_requests_are_answered(port, name):
    host = f"{name}:{port}"
    file = "/static/js/bokeh.min.js"  # the doors are the page's, which takes longer to make
    assert ask(port, Host=host)[0] == 200
    assert ask(port, file, Host=host, Origin=f"http://{host}")[0] == 200
    linked = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Dest": "document"}
    assert ask(port, file, Host=host, **linked)[0] == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:{port}", 101), (None, 101), ("null", 403)]
)
def test_a_websocket_opens_for_the_own_page_alone(port, origin, status):
    """Case D3: the websocket is what starts simulations."""
    headers = {} if origin is None else {"Origin": origin.replace("{port}", str(port))}
    assert _status_of_websocket(port, **headers) == status


def _status_of_websocket(port, **headers):
    connection = http.client.HTTPConnection("localhost", port, timeout=60)
    try:
        connection.request("GET", "/ws", headers={**UPGRADE, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


def test_names_of_a_server_for_all():
    everywhere, one = Doors("0.0.0.0", 5006), Doors("192.0.2.7", 80)
    assert everywhere.opens("192.0.2.7:5006")
    assert everywhere.opens("[2001:db8::1]:5006")
    assert everywhere.opens("localhost:5006")
    assert not everywhere.opens("evil.example:5006")
    assert not everywhere.opens("192.0.2.7")
    assert one.opens("192.0.2.7")
    assert one.opens("192.0.2.7:80")
    assert not one.opens("localhost:80")


def test_a_slow_picture_keeps_nobody_waiting(monkeypatch):
    """Case D3: while one picture is computed, pages and files are served, and then it is shown,
    too."""
    begun, finish = threading.Event(), threading.Event()
    usual = pictures.picture

    def slow(state):
        if state.n == 33:
            begun.set()
            assert finish.wait(60)
        return usual(state)

    monkeypatch.setattr(pictures, "picture", slow)
    answers = []
    with served() as port:
        asking = threading.Thread(
            target=lambda: answers.append(ask(port, "/?n=33&p=60", Host=f"localhost:{port}"))
        )
        asking.start()
        try:
            assert begun.wait(60)
            assert ask(port, Host=f"localhost:{port}")[0] == 200
            assert ask(port, "/static/js/bokeh.min.js", Host=f"localhost:{port}")[0] == 200
            assert not finish.is_set()
        finally:
            finish.set()
        asking.join(60)
    assert [status for status, _ in answers] == [200]


def test_a_page_is_sent_without_a_picture_that_takes_long(monkeypatch):
    finish = threading.Event()
    monkeypatch.setattr(server, "_PATIENCE", 0.01)
    monkeypatch.setattr(pictures, "picture", lambda state: finish.wait(60))
    with served() as port:
        try:
            assert ask(port, Host=f"localhost:{port}")[0] == 200
            assert "The picture is being computed." in texts(port)[1]
        finally:
            finish.set()


def test_too_many_pictures_are_refused(monkeypatch):
    finish = threading.Event()
    monkeypatch.setattr(pictures, "picture", lambda state: finish.wait(60) and state)
    queue = Pictures(at_once=1, most=2)
    try:
        first, second = queue.begin(SMALL), queue.begin(SMALL.with_(n=30))
        with pytest.raises(
            BusyError, match=r"^2 pictures are being computed; reload the page in a moment$"
        ):
            queue.begin(SMALL)
    finally:
        finish.set()
    assert first.result(60) == SMALL
    assert second.result(60).n == 30
    queue.close()
    for thread in queue._threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_page_of_too_many_pictures_says_so(monkeypatch):
    monkeypatch.setattr(server, "Pictures", lambda: Pictures(most=0))
    with served() as port:
        assert ask(port, Host=f"localhost:{port}")[0] == 200
        assert "0 pictures are being computed; reload the page in a moment" in texts(port)[1]


@pytest.mark.parametrize("elsewhere", ["cdn", "inline"])
def test_pages_load_nothing_from_elsewhere(port, monkeypatch, elsewhere):
    """Whatever Bokeh's settings say."""
    monkeypatch.setenv("BOKEH_RESOURCES", elsewhere)
    _, page = ask(port, Host=f"localhost:{port}")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert [source for source in sources if source.startswith("/static/js/bokeh")]
    assert not [source for source in sources if "//" in source]
    assert "default-src 'self'" in page


def test_the_page_of_a_link(port):
    """The link that one page gives, opened at another server."""
    state = SMALL.with_(n=33, spectrum="power_law", exponent=0.5, rules=["oracle"])
    session = pull_session(
        url=f"http://localhost:{port}/", arguments=dict(parse_qsl(state.query()))
    )
    try:
        shared = session.document.get_model_by_name("shared").data
    finally:
        session.close()
    assert dict(shared) == {"toml": [state.toml()], "query": [state.query()]}


def test_the_page_of_an_address(port):
    answer, status = texts(port, p="50", n="20", nonzeros="10")
    assert "train k = 50 features" in answer
    assert "Theory for " in status


@pytest.mark.parametrize(
    "arguments",
    [
        {"p": "1" * 5000},
        {"x" * 5000: "1"},
        {"p": "é"},
        {"rules": "," * 5000},
        {"rules": "<script>" * 500},
        {"run.<script>": "1"},
        {"problem.kind": '"<script>"'},
        {"run.n": "1\n" * 50},
    ],
    ids=["digits", "name", "character", "commas", "script", "key", "kind", "lines"],
)
def test_absurd_addresses_are_answered(port, arguments):
    _, status = texts(port, **arguments)
    assert "In the address: " in status
    assert "<script>" not in status
    assert len(status) < 1000
