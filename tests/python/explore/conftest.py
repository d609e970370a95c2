"""One page of `overprune explore` and one browser for the tests that need them."""

from __future__ import annotations

import signal

import pytest

from explore_browser import CHROMIUM, DRIVER, Browser, served

SMALL = "p=200&n=60&nonzeros=20&spikes=20&count=20&trials=3"


@pytest.fixture(scope="session")
def address():
    with served() as (address, process):
        yield address
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""


@pytest.fixture(scope="session")
def window(tmp_path_factory):
    pytest.importorskip("bokeh")
    pytest.importorskip("selenium")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium-driver)")
    window = Browser(tmp_path_factory.mktemp("chromium"))
    yield window
    window.quit()


@pytest.fixture
def page(window, address):
    """The page of a small problem; whatever is done there, the console is empty, nothing fails and
    nothing leaves this machine."""
    window.resize(1280, 800)
    window.go(f"{address}?{SMALL}")
    yield window
    assert window.complaints() == []
    asked, failed = window.requests()
    assert failed == []
    assert any(url.startswith("ws:") for url in asked)
    here = (address, address.replace("http:", "ws:"))
    assert all(url.startswith(here) for url in asked), asked
