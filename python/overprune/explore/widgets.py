"""The page's controls and texts as Bokeh models, and the little JavaScript they need."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence
from typing import Any

from bokeh.models import (
    Button,
    Checkbox,
    CheckboxButtonGroup,
    Column,
    ColumnDataSource,
    CustomJS,
    Div,
    FileInput,
    NumericInput,
    Row,
    Select,
    Slider,
    UIElement,
)

from .. import _validation as check
from ..plot.panel import COLOURS
from .controls import CONTROLS, highest, is_used, lowest
from .state import LOSSES, RULES, SIGNALS, SPECTRA, State

_LONGEST_NAME = 100  # characters of a file's name in a message
_SAVE = """
const blob = new Blob([shared.data.toml[0]], {type: "application/toml"})
const link = document.createElement("a")
link.href = URL.createObjectURL(blob)
link.download = "explore.toml"
document.body.append(link)
link.click()
link.remove()
setTimeout(() => URL.revokeObjectURL(link.href), 1000)
"""
_ADDRESS = """
clearTimeout(window.overpruneAddress)
const address = "?" + shared.data.query[0]
window.overpruneAddress = setTimeout(() => history.replaceState(null, "", address), 250)
"""
# The server closes the connection, too, where a message is longer than it takes.
_LOST = """
status.text = '<div class="status error" role="alert">This page has lost its program. ' +
  'If that has ended: start overprune explore again and reload the page. ' +
  'If a file of more than 700 kB was opened: reload the page.</div>'
"""
_TEXTS = """
:host { --font: system-ui, sans-serif } .bk-clearfix { width: 100% }
h2 { font: 600 13px var(--font); color: #333; margin: 0;
     border-top: 1px solid #ddd; padding-top: 6px }
p { margin: 0; font: 17px/1.4 var(--font); color: #111; text-wrap: pretty }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; font: 13px var(--font); color: #333 }
.legend span { white-space: nowrap } .legend svg { vertical-align: -2px; margin-right: 6px }
.status { font: 13px var(--font); color: #666 }
.error { color: #a32100; font-weight: 600 }
progress { width: 100%; accent-color: #0072B2 }
@media (max-width: 900px) { p { font-size: 15px } .legend, .status { font-size: 12px } }
"""
_INPUT = """
:host { --padding-vertical: 3px; --padding-horizontal: 6px; font-size: 13px }
.bk-input { min-height: 26px; height: 26px; font-size: 13px }
.bk-input-group > label, .bk-slider-title { font-size: 13px }
"""
_BUTTONS = ".bk-btn { padding: 4px 2px; font-size: 12px }"


class Widgets:
    """All controls and texts. They call back when the visitor changes them, not when `show` does.

    Parameters
    ----------
    change : callable
        Given the name of a field of `State` and what returns its new value, or raises ValueError.
    simulate : callable
        The button of the points was pressed.
    open_config : callable
        A file was chosen, which `chosen` has a moment later.
    """

    def __init__(
        self,
        change: Callable[[str, Callable[[], Any]], None],
        simulate: Callable[[], None],
        open_config: Callable[[], None],
    ) -> None:
        self._change = change
        self._writing = False
        self.sliders = {name: self._slider(name) for name in CONTROLS}
        self.numbers = {name: self._number(name) for name in CONTROLS}
        self.rows = {
            name: Row(
                self.sliders[name],
                self.numbers[name],
                sizing_mode="stretch_width",
                name=f"row {name}",
            )
            for name in CONTROLS
        }
        self.spectrum = self._select("spectrum", "variances of the features", SPECTRA)
        self.signal = self._select("signal", "true coefficients", SIGNALS)
        self.loss = self._select("loss", "responses and loss", LOSSES)
        self.limits = self._text("limits")
        self.rules = CheckboxButtonGroup(
            labels=list(RULES), name="rules", sizing_mode="stretch_width", stylesheets=[_BUTTONS]
        )
        _on(self.rules, "active", lambda new: self._set("rules", new, self._pressed))
        self.retrain = Checkbox(name="retrain", label="retrain the survivors")
        _on(self.retrain, "active", lambda new: self._set("retrain", new))
        self.shared = ColumnDataSource({"toml": [""], "query": [""]}, name="shared")
        self.shared.js_on_change("data", CustomJS(args={"shared": self.shared}, code=_ADDRESS))
        self.button = Button(name="simulate", button_type="primary", sizing_mode="stretch_width")
        self.button.on_click(simulate)
        self.save = Button(label="Save as config", name="save", sizing_mode="stretch_width")
        self.save.js_on_click(CustomJS(args={"shared": self.shared}, code=_SAVE))
        self.open = FileInput(
            title="open a config",
            accept=".toml",
            name="open",
            sizing_mode="stretch_width",
            stylesheets=[_INPUT],
        )
        _on(self.open, "value", lambda _: open_config())
        self.progress = self._text("progress")
        self.text = self._text("answer")
        self.legend = self._text("legend")
        self.state = self._text("status")
        self.idle()

    def roots(self) -> list[UIElement]:
        """The parts that the page's template places, by their names."""
        groups: list[tuple[str, Sequence[UIElement]]] = [
            ("Data", [self.rows["n"], self.rows["noise_std"]]),
            (
                "Features",
                [self.rows["p"], self.spectrum, *self._rows("spikes", "value", "exponent", "rho")],
            ),
            ("Signal", [self.signal, self.rows["count"]]),
            ("Pruning", [self.rows["nonzeros"], self.rules]),
            (
                "Training",
                [
                    self.loss,
                    self.limits,
                    self.rows["ridge"],
                    self.retrain,
                    self.rows["retrain_ridge"],
                ],
            ),
            ("Simulation", [self.rows["trials"], self.button, self.progress]),
            ("Config", [self.save, self.open]),
        ]
        controls: list[UIElement] = []
        for title, members in groups:
            controls += [self._text(f"heading {title}", f"<h2>{title}</h2>"), *members]
        column = Column(children=controls, name="controls", sizing_mode="stretch_width", spacing=2)
        return [column, self.text, self.legend, self.state]

    def when_lost(self) -> CustomJS:
        """Tells the visitor that the server is gone."""
        return CustomJS(args={"status": self.state}, code=_LOST)

    def show(self, state: State) -> None:
        """Puts every control where the state is, and the config and the address with it."""
        self._writing = True
        try:
            for name, control in CONTROLS.items():
                value, slider, number = getattr(state, name), self.sliders[name], self.numbers[name]
                end = highest(state, name)
                if not control.log:
                    slider.end = end
                elif control.zero:
                    least = lowest(state, name)
                    slider.start = control.position(least) if least else control.track()[0]
                if not control.stands_at(slider.value, value):
                    slider.value = control.position(value)
                number.value = value
                self.rows[name].visible = is_used(state, name)
            self.spectrum.value, self.signal.value = state.spectrum, state.signal
            self.loss.value = state.loss
            limits = _limits(state)
            self.limits.update(text=f'<div class="status">{limits}</div>', visible=limits != "")
            offered = state.offered_rules()
            if self.rules.labels != list(offered):
                self.rules.update(labels=list(offered), active=[])
            self.rules.active = [offered.index(rule) for rule in state.rules]
            self.retrain.active = state.retrain
            self.shared.data = {"toml": [state.toml()], "query": [state.query()]}
        finally:
            self._writing = False

    def chosen(self) -> tuple[str, bytes]:
        """Name and content of the file opened last; ValueError where it is neither."""
        name, value = self.open.filename, self.open.value
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError("one file must be opened, got several")
        try:
            return name[:_LONGEST_NAME], base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError(f"{name[:_LONGEST_NAME]} has not come whole: open it again") from None

    def answer(self, text: str, legend: str) -> None:
        """The answer in a sentence, and the legend as HTML."""
        self.text.text = f"<p>{html.escape(text)}</p>"
        self.legend.text = legend

    def status(self, text: str, notes: Sequence[str], is_error: bool) -> None:
        """A line below the picture."""
        kind = "status error" if is_error else "status"
        role = ' role="alert"' if is_error else ""
        shown = " ".join([*notes, text])
        self.state.text = f'<div class="{kind}"{role}>{html.escape(shown)}</div>'

    def busy(self, done: int, total: int) -> None:
        """A simulation runs."""
        self.button.update(label="Cancel the simulation", button_type="default")
        self.progress.text = (
            f'<progress max="{total}" value="{done}"></progress>'
            f'<div class="status">{done} of {total} trials</div>'
        )

    def idle(self) -> None:
        """No simulation runs."""
        self.button.update(label="Add simulated points", button_type="primary")
        self.progress.text = ""

    def _set(
        self, name: str, value: Any, convert: Callable[[Any], Any] = lambda value: value
    ) -> None:
        if not self._writing:
            self._change(name, lambda: convert(value))

    def _pressed(self, active: list[int]) -> list[str]:
        """The rules whose buttons are pressed."""
        offered = self.rules.labels
        if not all(0 <= i < len(offered) for i in active):
            raise ValueError(
                f"rules must be some of {', '.join(offered)}, got the numbers {check.shown(active)}"
            )
        return [offered[i] for i in sorted(active)]

    def _rows(self, *names: str) -> list[UIElement]:
        return [self.rows[name] for name in names]

    def _slider(self, name: str) -> Slider:
        control = CONTROLS[name]
        start, end, step = control.track()
        slider = Slider(
            start=start,
            end=end,
            step=step,
            value=start,
            title=control.label,
            show_value=False,
            bar_color=COLOURS["retrained"],
            name=f"slider {name}",
            sizing_mode="stretch_width",
            margin=(2, 12, 2, 9),  # the handle stands out on both sides
            stylesheets=[_INPUT],
        )
        _on(slider, "value", lambda new: self._set(name, new, control.value))
        return slider

    def _number(self, name: str) -> NumericInput:
        mode: Any = "int" if CONTROLS[name].is_integer else "float"
        number = NumericInput(
            mode=mode,
            name=f"number {name}",
            width=66,
            align="end",
            margin=(2, 4),
            stylesheets=[_INPUT],
        )
        _on(number, "value", lambda new: self._set(name, new))
        return number

    def _select(self, name: str, title: str, options: dict[str, str]) -> Select:
        select = Select(
            title=title,
            options=list(options.items()),
            name=name,
            sizing_mode="stretch_width",
            stylesheets=[_INPUT],
        )
        _on(select, "value", lambda new: self._set(name, new))
        return select

    def _text(self, name: str, text: str = "") -> Div:
        return Div(text=text, name=name.lower(), sizing_mode="stretch_width", stylesheets=[_TEXTS])


def _limits(state: State) -> str:
    """Why some controls are not there for the state's loss."""
    parts = []
    if state.has_labels:
        parts.append("The picture shows test errors. The lasso is for numbers only.")
    if state.needs_ridge:
        parts.append("Without ridge, labels that can be separated have no model.")
    return " ".join(parts)


def _on(model: Any, attribute: str, use: Callable[[Any], None]) -> None:
    """Calls `use` with every new value of an attribute."""

    def changed(_attribute: str, _old: Any, new: Any) -> None:
        use(new)

    model.on_change(attribute, changed)
