"""A page of `overprune explore` in a headless Chromium, as a visitor uses it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

# The element of a Bokeh model, which lies in shadow roots.
_ELEMENT = """
const model = Bokeh.documents[0].get_model_by_name(arguments[0])
return Bokeh.index.find_one_by_id(model.id).el.shadowRoot.querySelector(arguments[1])
"""
_VALUE = "return Bokeh.documents[0].get_model_by_name(arguments[0])[arguments[1]]"


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a page that `overprune explore` serves, and its process, which is ended by Ctrl-C."""
    command = [sys.executable, "-m", "overprune", "explore", "--no-browser", "--port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Serving http://"), (line, process.stderr and process.stderr.read())
        yield line.split()[1], process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class Browser:
    """Chromium with a page in it.

    Parameters
    ----------
    folder : Path
        For its profile and its downloads.
    """

    def __init__(self, folder: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (
            "--headless=new",
            "--window-size=1280,800",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        ):
            options.add_argument(flag)
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(str(DRIVER)))
        self.driver.set_script_timeout(20)
        self.driver.get("about:blank")
        self.requests()  # Chromium's own page of new tabs

    def quit(self) -> None:
        self.driver.quit()

    def go(self, address: str) -> None:
        """Loads a page and waits until its curves are drawn."""
        self.driver.get(address)
        self.until(lambda: self.run("return window.Bokeh?.documents?.[0]?.is_idle === true"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def until(self, what: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Waits for something to be true."""
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, "not within the time"
            time.sleep(0.03)
        return found

    def value(self, name: str, attribute: str = "value") -> Any:
        return self.run(_VALUE, name, attribute)

    def element(self, name: str, selector: str) -> Any:
        return self.run(_ELEMENT, name, selector)

    def curve(self, stage: str = "dense") -> list[float | None]:
        """The risks of a line as the browser has them."""
        script = """
        const line = Bokeh.documents[0].get_model_by_name(arguments[0])
        return Array.from(line.data_source.data.risk, v => Number.isFinite(v) ? v : null)
        """
        found: list[float | None] = self.run(script, stage)
        return found

    def keys(self, name: str, *keys: str) -> None:
        """Types into a model's slider handle or input."""
        from selenium.webdriver.common.action_chains import ActionChains

        kind = ".noUi-handle" if name.startswith("slider") else "input"
        target = self.element(name, kind)
        self.run("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", target)
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def drag(self, name: str, pixels: int) -> None:
        """Drags a slider's handle by the mouse."""
        from selenium.webdriver.common.action_chains import ActionChains

        handle = self.element(name, ".noUi-handle")
        self.run("arguments[0].scrollIntoView({block: 'center'})", handle)
        ActionChains(self.driver, duration=50).drag_and_drop_by_offset(handle, pixels, 0).perform()

    def click(self, name: str, selector: str = "button") -> None:
        element = self.element(name, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def complaints(self) -> list[str]:
        """Warnings and errors of the console since the last call."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> tuple[list[str], list[str]]:
        """Addresses asked for since the last call, and what failed of them."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        asked = [url for url in sent if not url.startswith(("data:", "blob:"))]
        failed = [str(e["params"]) for e in events if e["method"] == "Network.loadingFailed"]
        answers = [e["params"]["response"] for e in events if e["method"] == "Network.responseReceived"]
        return asked, failed + [f"{a['status']} {a['url']}" for a in answers if a["status"] >= 400]
