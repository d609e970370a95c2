"""A page of `overprune explore` in a headless Chromium, as a visitor uses it."""

from __future__ import annotations

import importlib.util
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

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")

_PACKAGE = importlib.util.find_spec("axe_playwright_python")  # of which only axe-core is used
AXE = _PACKAGE and _PACKAGE.origin and Path(_PACKAGE.origin).with_name("axe.min.js")

LEFT, RIGHT, END, HOME = "\ue012", "\ue014", "\ue010", "\ue011"  # keys

_OF_BOKEH = (  # at the beginning of every page; the last one is of Bokeh 3.10 about itself
    "\"setting log level to: 'warn'\"",
    '"Bokeh items were rendered successfully"',
    '.remove(): view was already destroyed"',
)

# The element of a Bokeh model, which lies in shadow roots.
_ELEMENT = """
const model = Bokeh.documents[0].get_model_by_name(arguments[0])
const within = root => root.querySelector(arguments[1]) ??
  Array.from(root.querySelectorAll("*"), e => e.shadowRoot && within(e.shadowRoot)).find(e => e)
return within(Bokeh.index.find_one_by_id(model.id).el.shadowRoot)
"""
_VALUE = "return Bokeh.documents[0].get_model_by_name(arguments[0])[arguments[1]]"


@contextmanager
def served(*arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a page that `overprune explore` serves, and its process, which is ended by
    Ctrl-C."""
    command = [
        sys.executable,
        "-m",
        "overprune",
        "explore",
        "--no-browser",
        "--port",
        "0",
        *arguments,
    ]
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
        options.add_experimental_option(
            "prefs", {"download.default_directory": str(self.downloads)}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, Service(str(DRIVER)))
        self.driver.set_script_timeout(20)
        self.driver.get("about:blank")
        self.requests()  # Chromium's own page of new tabs

    def quit(self) -> None:
        self.driver.quit()

    def go(self, address: str) -> None:
        """Loads a page and waits until its curves, or why there are none, are drawn."""
        self.driver.get(address)
        self.until(lambda: self.run("return window.Bokeh?.documents?.[0]?.is_idle === true"))
        self.until(lambda: self.text("answer"))

    def resize(
        self, width: int, height: int, *, is_phone: bool = False, is_dark: bool = False
    ) -> None:
        """Sets the size of the page, without the window's frame, and what shows it."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd(
            "Emulation.setTouchEmulationEnabled", {"enabled": is_phone, "maxTouchPoints": 1}
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def told(self) -> list[tuple[str, str, str]]:
        """Role, name and value of everything that assistive technology is told of."""
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        found = []
        for node in nodes:
            if node["ignored"]:
                continue
            known = {p["name"]: p["value"].get("value") for p in node.get("properties", [])}
            value = known.get("checked", node.get("value", {}).get("value"))
            name = node.get("name", {}).get("value", "")
            found.append((node["role"]["value"], name, "" if value is None else str(value)))
        return found

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

    def curve(self, name: str = "dense") -> dict[int, float]:
        """The sizes and finite risks of a line as the browser has them."""
        script = """
        const {k, risk} = Bokeh.documents[0].get_model_by_name(arguments[0]).data_source.data
        return Array.from(k, (size, i) => [size, risk[i]]).filter(([_, v]) => Number.isFinite(v))
        """
        return {round(k): risk for k, risk in self.run(script, name)}

    def pixels(self) -> str:
        """The picture as it is painted."""
        script = "return arguments[0].toDataURL()"
        return str(self.run(script, self.element("risk", "canvas")))

    def text(self, name: str) -> str:
        return str(self.value(name, "text"))

    def keys(self, name: str, *keys: str) -> None:
        """Types at a slider's handle."""
        from selenium.webdriver.common.action_chains import ActionChains

        handle = self.element(name, ".noUi-handle")
        self.run("arguments[0].scrollIntoView({block: 'center'}); arguments[0].focus()", handle)
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def enter(self, name: str, value: str) -> None:
        """Types a number and leaves the field."""
        from selenium.webdriver.common.keys import Keys

        field = self.element(name, "input")
        self.run("arguments[0].scrollIntoView({block: 'center'})", field)
        field.send_keys(
            Keys.END + Keys.BACKSPACE * len(field.get_attribute("value")) + value + Keys.TAB
        )

    def choose(self, name: str, text: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.element(name, "select")).select_by_visible_text(text)

    def drag(self, name: str, pixels: int) -> None:
        """Drags a slider's handle by the mouse."""
        from selenium.webdriver.common.action_chains import ActionChains

        handle = self.element(name, ".noUi-handle")
        self.run("arguments[0].scrollIntoView({block: 'center'})", handle)
        ActionChains(self.driver, duration=50).drag_and_drop_by_offset(handle, pixels, 0).perform()

    def swipe(self, x: float, y: float, up: int) -> None:
        """A finger moves up from a place on the screen."""
        for kind, at in [("Start", 0), *(("Move", i) for i in range(10, up + 1, 10)), ("End", up)]:
            points = [] if kind == "End" else [{"x": x, "y": y - at}]
            touch = {"type": f"touch{kind}", "touchPoints": points}
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", touch)

    def click(self, name: str, selector: str = "button") -> None:
        element = self.element(name, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def tick(self, name: str, i: int) -> None:
        """Ticks or clears a box of several."""
        self.click(name, f'input[value="{i}"]')

    def copied(self, name: str) -> str:
        """What a button copies."""
        allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        self.driver.execute_cdp_cmd("Browser.grantPermissions", allowed)
        self.click(name)
        self.until(lambda: " is copied." in self.text("status"))
        return str(self.run("return navigator.clipboard.readText()"))

    def complaints(self) -> list[str]:
        """What is in the console since the last call, but for what Bokeh always writes there."""
        found = [entry["message"] for entry in self.driver.get_log("browser")]
        return [text for text in found if not text.endswith(_OF_BOKEH)]

    def requests(self) -> tuple[list[str], list[str]]:
        """Addresses asked for since the last call, and what failed of them."""
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        sent = [
            e["params"]["request"]["url"]
            for e in events
            if e["method"] == "Network.requestWillBeSent"
        ]
        asked = [url for url in sent if not url.startswith(("data:", "blob:"))]
        asked += [e["params"]["url"] for e in events if e["method"] == "Network.webSocketCreated"]
        failed = [str(e["params"]) for e in events if e["method"] == "Network.loadingFailed"]
        answers = [
            e["params"]["response"] for e in events if e["method"] == "Network.responseReceived"
        ]
        return asked, failed + [f"{a['status']} {a['url']}" for a in answers if a["status"] >= 400]
