"""The page's controls and texts as Bokeh models."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bokeh.models import (
    Button,
    CheckboxGroup,
    Column,
    CustomJS,
    Div,
    InlineStyleSheet,
    NumericInput,
    Row,
    Select,
    Slider,
    UIElement,
)

from .. import _validation as check
from ..plot.panel import COLOURS
from .controls import CONTROLS, highest, is_used, lowest
from .sharing import Sharing
from .state import LOSSES, SIGNALS, SPECTRA, State

_HERE = Path(__file__).parent
# The server closes the connection, too, where a message is longer than it takes.
_LOST = """
status.text = '<div class="status error" role="alert">This page has lost its program. ' +
  'If that has ended: start overprune explore again and reload the page. ' +
  'If a file of more than 700 kB was opened: reload the page.</div>'
"""
# The slider beside the field shows the name; a screen reader says it of the field, too.
_UNSEEN_LABEL = """
.bk-input-group > label { position: absolute; width: 1px; height: 1px; overflow: hidden;
                          clip-path: inset(50%) }
"""


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
        self._styles = [InlineStyleSheet(css=(_HERE / "widgets.css").read_text("utf-8"))]
        self.sliders = {name: self._slider(name) for name in CONTROLS}
        self.numbers = {name: self._number(name) for name in CONTROLS}
        self.rows = {
            name: Row(
                self.sliders[name],
                self.numbers[name],
                sizing_mode="stretch_width",
                name=f"row {name}",
                max_width=420,
            )
            for name in CONTROLS
        }
        self.spectrum = self._select("spectrum", "variances of the features", SPECTRA)
        self.signal = self._select("signal", "true coefficients", SIGNALS)
        self.loss = self._select("loss", "responses and loss", LOSSES)
        self.limits = self._text("limits")
        self.rules = self._boxes("rules", [], self._ticked)
        self.retrain = self._boxes("retrain", ["retrain the survivors"], bool)
        self.button = Button(name="simulate", width=170, align="center", stylesheets=self._styles)
        self.button.on_click(simulate)
        self.progress = self._text("progress")
        self.text = self._text("answer")
        self.legend = self._text("legend")
        self.state = self._text("status")
        self.sharing = Sharing(self.state, self._styles, open_config)
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
            ("Config", self.sharing.parts()),
        ]
        controls: list[UIElement] = []
        for title, members in groups:
            controls += [self._text(f"heading {title}", f"<h2>{title}</h2>"), *members]
        column = Column(children=controls, name="controls", sizing_mode="stretch_width", spacing=2)
        actions = Row(
            children=[self.button, self.rows["trials"], self.progress],
            name="actions",
            sizing_mode="stretch_width",
        )
        return [column, actions, self.text, self.legend, self.state]

    def when_ready(self, picture: UIElement) -> CustomJS:
        """Names the controls and the picture for assistive technology, which Bokeh does not."""
        controls = [
            {"slider": self.sliders[name], "number": self.numbers[name], "texts": control.texts()}
            for name, control in CONTROLS.items()
        ]
        arguments = {"rules": self.rules, "answer": self.text, "picture": picture}
        return CustomJS(
            args={"controls": controls, **arguments}, code=(_HERE / "page.js").read_text("utf-8")
        )

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
                self.rows[name].visible = is_used(state, name) and not self._hides(name)
            self.spectrum.value, self.signal.value = state.spectrum, state.signal
            self.loss.value = state.loss
            limits = _limits(state)
            self.limits.update(text=f'<div class="status">{limits}</div>', visible=limits != "")
            offered = state.offered_rules()
            if self.rules.labels != list(offered):
                self.rules.update(labels=list(offered), active=[])
            self.rules.active = [offered.index(rule) for rule in state.rules]
            self.retrain.active = [0] if state.retrain else []
            self.sharing.show(state)
        finally:
            self._writing = False

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
        """A simulation runs: how far it is stands where the number of its trials was."""
        self.button.update(label="Cancel the simulation", button_type="default")
        self.progress.text = (
            f'<progress max="{total}" value="{done}" aria-label="simulated trials"></progress>'
            f'<div class="status">{done} of {total} trials</div>'
        )
        self._show_progress(True)

    def idle(self) -> None:
        """No simulation runs."""
        self.button.update(label="Add simulated points", button_type="primary")
        self._show_progress(False)

    def _show_progress(self, is_busy: bool) -> None:
        self.progress.visible, self.rows["trials"].visible = is_busy, not is_busy

    def _hides(self, name: str) -> bool:
        return name == "trials" and bool(self.progress.visible)

    def _set(
        self, name: str, value: Any, convert: Callable[[Any], Any] = lambda value: value
    ) -> None:
        if not self._writing:
            self._change(name, lambda: convert(value))

    def _ticked(self, active: list[int]) -> list[str]:
        """The rules whose boxes are ticked."""
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
            stylesheets=self._styles,
        )
        _on(slider, "value", lambda new: self._set(name, new, control.value))
        return slider

    def _number(self, name: str) -> NumericInput:
        mode: Any = "int" if CONTROLS[name].is_integer else "float"
        number = NumericInput(
            mode=mode,
            title=f"{CONTROLS[name].label}, exact",
            name=f"number {name}",
            width=66,
            align="end",
            margin=(2, 4),
            stylesheets=[*self._styles, _UNSEEN_LABEL],
        )
        _on(number, "value", lambda new: self._set(name, new))
        return number

    def _select(self, name: str, title: str, options: dict[str, str]) -> Select:
        select = Select(
            title=title,
            options=list(options.items()),
            name=name,
            sizing_mode="stretch_width",
            stylesheets=self._styles,
        )
        _on(select, "value", lambda new: self._set(name, new))
        return select

    def _boxes(
        self, name: str, labels: list[str], convert: Callable[[list[int]], Any]
    ) -> CheckboxGroup:
        boxes = CheckboxGroup(
            labels=labels,
            name=name,
            inline=True,
            sizing_mode="stretch_width",
            stylesheets=self._styles,
        )
        _on(boxes, "active", lambda new: self._set(name, new, convert))
        return boxes

    def _text(self, name: str, text: str = "") -> Div:
        return Div(
            text=text, name=name.lower(), sizing_mode="stretch_width", stylesheets=self._styles
        )


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
