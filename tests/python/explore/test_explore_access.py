"""The page of `overprune explore` on every screen, for the keyboard and for screen readers."""

from __future__ import annotations

import itertools

import pytest

from explore_browser import AXE, HOME, LEFT, RIGHT
from overprune.explore.controls import CONTROLS

SCREENS = {"desktop": (1400, 900), "laptop": (1024, 700), "phone": (390, 844), "turned": (844, 390)}
_BOX = """
const {left, top, right, bottom} = arguments[0].getBoundingClientRect()
return [left, top, right, bottom]
"""


def show(page, screen, *, is_dark=False):
    width, height = SCREENS[screen]
    page.resize(width, height, is_phone=screen in ("phone", "turned"), is_dark=is_dark)
    page.driver.refresh()
    page.until(lambda: page.run("return window.Bokeh?.documents?.[0]?.is_idle === true"))
    page.until(lambda: page.run("return innerWidth") == width)
    page.until(lambda: box(page, "risk", "canvas")[2] <= width)
    return width, height


def box(page, name, selector):
    return page.run(_BOX, page.element(name, selector))


@pytest.mark.parametrize("screen", SCREENS)
def test_it_fits_the_screen(page, screen):
    """Nothing is beyond its width; the picture and the button are there without scrolling."""
    width, height = show(page, screen)
    assert page.run("return document.documentElement.scrollWidth") == width
    left, top, right, bottom = box(page, "risk", "canvas")
    assert right - left > min(360, 0.5 * width)
    assert bottom - top >= 200
    if screen != "turned":
        assert 0 <= top < bottom < height
        left, top, right, bottom = box(page, "simulate", "button")
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height


@pytest.mark.parametrize("screen", SCREENS)
def test_the_picture_stays_with_the_sliders(page, screen):
    """Wherever a slider is scrolled to, it does not lie under the picture, and both are seen."""
    _, height = show(page, screen)
    for name in ("n", "p", "nonzeros", "ridge", "retrain_ridge"):
        handle = page.element(f"slider {name}", ".noUi-handle")
        page.run("arguments[0].scrollIntoView({block: 'end'})", handle)
        x1, y1, x2, y2 = page.run(_BOX, handle)
        assert 0 <= y1 < y2 <= height + 1
        left, top, right, bottom = box(page, "risk", "canvas")
        seen = min(bottom, height) - max(top, 0)
        assert seen > 0.6 * (bottom - top)
        assert not (x1 < right and left < x2 and y1 < bottom and top < y2)
        if screen != "phone":  # where the legend goes under the picture with all the rest
            assert box(page, "legend", ".legend")[1] >= bottom


def test_a_finger_on_the_picture_scrolls_the_page(page):
    """And leaves the curves where they are."""
    show(page, "phone")
    left, top, right, bottom = box(page, "risk", "canvas")
    script = "return Bokeh.documents[0].get_model_by_name('risk').y_range.start"
    start = page.run(script)
    page.swipe((left + right) / 2, (top + bottom) / 2, 100)
    page.until(lambda: page.run("return scrollY") > 50)
    assert page.run(script) == start


def test_every_control_says_what_it_is(page):
    page.choose("spectrum", "correlated")
    page.choose("signal", "sparse")
    page.until(lambda: page.value("row rho", "visible") and page.value("row count", "visible"))
    told = page.told()
    shown = {name for name in CONTROLS if page.value(f"row {name}", "visible")}
    labels = {CONTROLS[name].label for name in shown}
    assert {name for role, name, _ in told if role == "slider"} == labels
    fields = {name for role, name, _ in told if role == "textbox"}
    assert fields == {f"{label}, exact" for label in labels}
    for name in shown:
        assert float(said(page, name)) == page.value(f"number {name}")
    boxes = {name: value for role, name, value in told if role == "checkbox"}
    assert boxes == {
        "magnitude": "true", "hessian": "true", "oracle": "false", "random": "false",
        "lasso": "false", "retrain the survivors": "true",
    }  # fmt: skip
    assert ("group", "pruning rules", "") in told
    assert ("figure", "curves over the size k", "") in told
    assert ("heading", "overprune explore", "") in told
    used = [entry for entry in told if entry[0] in ("button", "combobox", "slider", "textbox")]
    assert all(name for _, name, _ in used), used


def said(page, name):
    """What a screen reader says of a slider in place of its position."""
    return page.element(f"slider {name}", ".noUi-handle").get_attribute("aria-valuetext")


@pytest.mark.parametrize(
    ("name", "typed", "position"), [("ridge", "0.012345", 70), ("noise_std", "0.3456", 40)]
)
def test_sliders_say_their_value(page, name, typed, position):
    """Not where they stand, nor the step beside what was typed."""
    page.keys(f"slider {name}", HOME)
    page.until(lambda: said(page, name) == "0" and page.value(f"number {name}") == 0)
    page.keys(f"slider {name}", RIGHT * position)
    value = CONTROLS[name].value(position * CONTROLS[name].track()[2])
    page.until(lambda: float(said(page, name)) == page.value(f"number {name}") == value)
    page.enter(f"number {name}", typed)
    page.until(lambda: page.value(f"number {name}") == float(typed) and said(page, name) == typed)
    page.keys(f"slider {name}", LEFT)
    page.until(lambda: page.value(f"number {name}") not in (value, float(typed)))
    page.until(lambda: float(said(page, name)) == page.value(f"number {name}"))


_FOCUSED = """
let found = document.activeElement
while (found.shadowRoot?.activeElement) found = found.shadowRoot.activeElement
const style = getComputedStyle(found)
const {top, bottom} = found.getBoundingClientRect()
return [found.getAttribute("aria-label") ?? found.labels?.[0]?.textContent ?? found.textContent,
        style.outlineStyle != "none" && parseFloat(style.outlineWidth) >= 2,
        0 <= top && bottom <= innerHeight]
"""


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_the_keyboard_reaches_every_control(page, screen):
    """In the order of the page, each in sight and with a frame."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    show(page, screen)

    def press(keys):
        ActionChains(page.driver, duration=0).send_keys(keys).perform()

    def walk():
        for _ in range(60):
            press(Keys.TAB)
            name, is_framed, is_seen = page.run(_FOCUSED)
            if page.run("return document.activeElement == document.body"):
                return
            assert is_framed, name
            assert is_seen, name
            yield name

    names = list(walk())
    assert names[:3] == ["Add simulated points", "trials", "trials, exact"]
    sliders = [CONTROLS[n].label for n in CONTROLS if page.value(f"row {n}", "visible")]
    assert set(sliders) < set(names)
    assert {"magnitude", "retrain the survivors", "Copy link", "responses and loss"} < set(names)
    assert len(names) == len(set(names))

    for name in walk():
        if name == "oracle":
            press(Keys.SPACE)
            break
    page.until(lambda: page.curve("pruned, oracle"))
    for name in itertools.islice(walk(), 60):
        if name == "ridge":
            press(RIGHT * 3)
            break
    page.until(lambda: page.value("number ridge") > 0)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_axe_finds_no_fault(page, screen, is_dark):
    if AXE is None:
        pytest.skip("needs axe-core: pip install --no-deps axe-playwright-python")
    show(page, screen, is_dark=is_dark)
    page.click("simulate")
    page.until(lambda: "simulated, 3 trials" in page.text("legend"))
    page.run(AXE.read_text("utf-8"))
    found = page.driver.execute_async_script("axe.run().then(arguments[0])")
    assert {"color-contrast", "aria-input-field-name"} < {rule["id"] for rule in found["passes"]}
    faults = {rule["id"]: [node["html"] for node in rule["nodes"]] for rule in found["violations"]}
    assert faults == {}


def test_it_follows_the_colours_of_the_machine(page):
    colours = {}
    for is_dark in (False, True):
        show(page, "desktop", is_dark=is_dark)
        colours[is_dark] = page.run("return getComputedStyle(document.body).backgroundColor")
    assert colours[False] == "rgb(255, 255, 255)"
    assert max(int(part) for part in colours[True][4:-1].split(",")) < 64
