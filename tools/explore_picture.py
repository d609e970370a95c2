"""Makes docs/figures/explore.png: the page of `overprune explore` with its simulated points.

    python tools/explore_picture.py

It needs what the tests of the page need: selenium, Chromium and its driver.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/python/support"))

from explore_browser import Browser, served  # noqa: E402

SIZE = (1180, 830)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, served() as (address, _):
        window = Browser(Path(folder))
        try:
            window.resize(*SIZE)
            window.go(address)
            window.click("simulate")
            window.until(lambda: "simulated, 10 trials" in window.text("legend"), 120)
            picture = Image.open(io.BytesIO(window.driver.get_screenshot_as_png()))
        finally:
            window.quit()
    picture.convert("RGB").save(ROOT / "docs/figures/explore.png", optimize=True)


if __name__ == "__main__":
    main()
