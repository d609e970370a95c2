"""What comes to `overprune explore` over the network and is none of its own: a sentence, no
traceback."""

from __future__ import annotations

import asyncio
import base64
import socket
from concurrent.futures import Future

import pytest

pytest.importorskip("bokeh")

from bokeh.document import Document
from bokeh.models import FileInput

from cli_tools import CONFIG, fails
from explore_thread import SMALL, served
from overprune.explore.controls import CONTROLS
from overprune.explore.curves import picture
from overprune.explore.doors import Doors, named
from overprune.explore.page import Page
from overprune.explore.pictures import Pictures

NAN = float("nan")


@pytest.fixture(scope="module")
def port():
    with served() as port:
        yield port


@pytest.fixture
def _writable(monkeypatch):
    """Browsers set what Python may only read."""
    for name in ("filename", "value", "mime_type"):
        monkeypatch.setattr(FileInput.lookup(name).property, "_readonly", False)


@pytest.fixture(scope="module")
def found():
    return picture(SMALL)


def statuses_after(found, changes):
    """What a page says after each change of its models' properties, as by the websocket, and the
    notes that it keeps."""

    async def visit():
        begun = Future()
        begun.set_result(found)
        page, texts = Page(Document(), SMALL, [], Pictures(), begun=begun), []
        try:
            for model, name, value in changes:
                setattr(page.doc.get_model_by_name(model), name, value)
                texts.append(page.widgets.state.text)
            if changes[0][0] == "open":
                await page._open()
                texts.append(page.widgets.state.text)
        finally:
            page.close()
            page._pictures.close()
        return (texts, page._notes)

    return asyncio.run(visit())


def status_after(found, changes):
    """The last of them."""
    texts, notes = statuses_after(found, changes)
    return (texts[-1], notes)


def refusal(found, *changes):
    return refused(status_after(found, changes)[0])


def refused(text):
    assert text.startswith('<div class="status error" role="alert">')
    assert len(text) < 1000
    return text


@pytest.mark.parametrize("name", CONTROLS)
def test_positions_that_no_slider_has_are_named(found, name):
    changes = [(f"slider {name}", "value", value) for value in (NAN, 1e9, -1e9)]
    for text in statuses_after(found, changes)[0]:
        assert f">{name} must be " in refused(text)


@pytest.mark.parametrize(
    ("model", "name", "value", "expected"),
    [
        ("number n", "value", None, "n must be an integer from 1 to 20000, got None"),
        ("number ridge", "value", NAN, "ridge must be a number"),
        (
            "rules",
            "active",
            [99],
            "rules must be some of magnitude, hessian, oracle, random, lasso, got the numbers",
        ),
        (
            "rules",
            "active",
            [-1],
            "rules must be some of magnitude, hessian, oracle, random, lasso, got the numbers",
        ),
        ("rules", "active", [], "rules must be one or several of"),
    ],
)
def test_values_that_no_control_has_are_named(found, model, name, value, expected):
    assert expected in refusal(found, (model, name, value))


def opening(content, name="x.toml"):
    value = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return ("open", "filename", name), ("open", "value", value)


@pytest.mark.usefixtures("_writable")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("!!!a", "x.toml has not come whole: open it again"),
        ("\N{GREEK SMALL LETTER PI}", "x.toml has not come whole: open it again"),
        (["eA==", "eA=="], "one file must be opened, got several"),
        (CONFIG.encode("utf-16"), "x.toml: not a text file in UTF-8: got UTF-16; save it as UTF-8"),
        (CONFIG.encode() + b"\0", "x.toml: not a text file in UTF-8: got a NUL at position"),
        (
            CONFIG.encode() + b"\xff",
            "x.toml: not a text file in UTF-8: got the byte 0xff at position",
        ),
        (b"a" + b".a" * 20_000 + b"=1", "x.toml: a key must have at most 16 parts, got a.a.a"),
        (b"x" * 700_000 + b"=1", "unknown key; allowed: problem, run, plot"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_files_that_are_no_config_are_named(found, content, expected):
    assert expected in refusal(found, *opening(content))


@pytest.mark.usefixtures("_writable")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_opens_as_the_command_line_reads_it(found, mark):
    """With the mark that some editors begin a file with, too; and what is said of it is short."""
    _, notes = status_after(found, opening(mark + CONFIG.encode(), "a" * 10_000))
    assert notes == [f"{'a' * 100} opened.", "of run.nonzeros = [5, 10] the first is shown"]
    numbers = ", ".join(map(str, range(1, 60_000)))
    _, notes = status_after(
        found, opening(mark + CONFIG.replace("n = 20", f"n = [{numbers}]").encode())
    )
    assert notes[1].startswith("of run.n = [1, 2, 3,")
    assert len(notes[1]) < 300


@pytest.mark.parametrize("host", ["localhost", "evil.example"])
def test_long_bodies_are_not_kept(port, host):
    """A request is refused once its body is there: one of 99 MB would be kept so long."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 99000000\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65536)  # without a byte of the body
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *(
            (text, "127.0.0.1")
            for text in ("127.1", "2130706433", "0x7f.1", "0X7F000001", "0177.0.0.1")
        ),
        *((text, "0.0.0.0") for text in ("0", "0x0", "0.0")),
        *((text, "localhost") for text in ("LOCALHOST", "Localhost", "localhost")),
        ("192.0.2.7", "192.0.2.7"),
        ("dead.beef", "dead.beef"),
        ("::1", "::1"),
    ],
)
def test_hosts_are_named_as_browsers_name_them(host, expected):
    assert named(host) == expected
    doors = Doors(named(host), 5006)
    if ":" not in expected:
        assert doors.opens(f"{expected}:5006")
    assert doors.opens("127.0.0.1:5006") == (
        expected in ("127.0.0.1", "0.0.0.0", "localhost", "::1")
    )
    assert doors.is_everywhere == (expected == "0.0.0.0")


def test_a_host_of_no_name_is_refused():
    message = fails("explore", "--no-browser", "--host", "")
    assert message == "--host must be a name or an IPv4 address, got ''; 0.0.0.0 is every address"
