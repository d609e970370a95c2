"""The page: sliders on the left, the answer and the picture on the right."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bokeh.document import Document
from tornado.ioloop import IOLoop

from ..experiments import config as _config
from ..experiments.config_text import decoded
from .chosen import Chosen
from .curves import Picture, measured
from .figure import RiskFigure, legend
from .pictures import BusyError, Pictures
from .points import Points, Report
from .state import State, of_config
from .widgets import Widgets

_ERRORS = (ValueError, MemoryError, ArithmeticError)


class Page:
    """One visitor's page: its state, and what follows when a control changes.

    Parameters
    ----------
    doc : bokeh Document
        The visitor's.
    state : State
    notes : iterable of str
        What the visitor should know about where the state comes from.
    pictures : Pictures
        What computes the state's picture; a page asks for one at a time.
    begun : Future, optional
        The first picture, which was asked for already.
    refusal : str
        Why it was refused.
    """

    def __init__(
        self,
        doc: Document,
        state: State,
        notes: Iterable[str],
        pictures: Pictures,
        *,
        begun: Future[Picture] | None = None,
        refusal: str = "",
    ) -> None:
        self.doc = doc
        self.chosen = Chosen.of(state)
        self.found: Picture | None = None
        self.points: Points | None = None
        self._pictures = pictures
        self._awaited: Future[Picture] | None = None
        self._asked = state
        self._loop = IOLoop.current()
        self._notes = list(notes)
        self._pending = False
        self.figure = RiskFigure()
        self.widgets = Widgets(
            self._change, self._simulate, lambda: doc.add_next_tick_callback(self._open)
        )
        for root in (*self.widgets.roots(), self.figure.figure):
            doc.add_root(root)
        doc.js_on_event("document_ready", self.widgets.when_ready(self.figure.figure))
        doc.js_on_event("connection_lost", self.widgets.when_lost())
        doc.on_session_destroyed(lambda _: self.close())
        self.widgets.show(self.state)
        if begun is not None:
            self._await(begun)
        else:
            self._fail(refusal)

    @property
    def state(self) -> State:
        """What the controls show."""
        return self.chosen.state

    def close(self) -> None:
        """Ends the picture and the simulation that still run for the page."""
        self._end_points()
        if self._awaited is not None:
            self._awaited.cancel()
        self._awaited = None

    def _end_points(self) -> None:
        if self.points is not None:
            self.points.cancel()
        self.points = None

    def _change(self, name: str, value: Callable[[], Any]) -> None:
        """A control has moved. Changes that come faster than they can be drawn are drawn together.

        `value` tells where to, or raises ValueError: what comes over the websocket may be anything.
        """
        try:
            chosen = self.chosen.moved(name, value())
        except ValueError as error:
            self.widgets.show(self.state)
            self._say(str(error), is_error=True)
            return
        if chosen.state == self.state:
            self.chosen = chosen
        else:
            self._go_to(chosen)

    def _go_to(self, chosen: Chosen, notes: Iterable[str] = ()) -> None:
        self.chosen, self._notes = chosen, list(notes)
        if not self._pending:
            self._pending = True
            busy = 0.0 if self.found is None else self.found.seconds
            self.doc.add_timeout_callback(self._update, round(min(250.0, 500.0 * busy)) + 1)

    def _update(self) -> None:
        """Has the state predicted; a change of the trials alone leaves the picture as it is."""
        self._pending = False
        self.widgets.show(self.state)
        if (
            self.found is not None
            and self.state.with_(trials=self.found.state.trials) == self.found.state
        ):
            self.found = replace(self.found, state=self.state)
            return
        if self._awaited is not None:
            return  # its end asks for the next one
        self._end_points()
        self.widgets.idle()
        try:
            self._asked = self.state
            self._await(self._pictures.begin(self.state))
        except BusyError as error:
            self._fail(str(error))

    def _await(self, future: Future[Picture]) -> None:
        """Draws a picture, now or when it is computed."""
        self._awaited = future
        if future.done():
            self._arrive(future)
            return
        if self.found is None:
            self._say("The picture is being computed.")
        arrive = partial(self.doc.add_next_tick_callback, partial(self._arrive, future))
        future.add_done_callback(lambda _: self._loop.add_callback(arrive))

    def _arrive(self, future: Future[Picture]) -> None:
        """Shows the picture; asks for the next one where the controls have moved meanwhile."""
        if future is not self._awaited or future.cancelled():
            return
        self._awaited = None
        try:
            found = future.result()
        except _ERRORS as error:
            self._fail(str(error) or type(error).__name__)
        else:
            self.found = found
            self.figure.draw(found)
            self.widgets.answer(found.answer, legend(found, 0))
            self._say(
                f"Theory for {len(found.state.sizes())} sizes in {1e3 * found.seconds:.0f} ms."
            )
        if self.state != self._asked and not self._pending:
            self._update()

    def _fail(self, reason: str) -> None:
        self.found = None
        self.figure.clear()
        self.widgets.answer("There is no picture of this problem.", "")
        self._say(reason, is_error=True)

    def _say(self, text: str, *, is_error: bool = False) -> None:
        self.widgets.status(text, [] if is_error else self._notes, is_error)

    def _simulate(self) -> None:
        """Begins the simulation, or ends the one that runs; called by the button."""
        if self.points is not None:
            self._end_points()
            self.widgets.idle()
            self._say("Simulation cancelled.")
        elif self.found is not None and not self._pending and self._awaited is None:
            self.widgets.busy(0, self.state.trials)
            self.points = Points(self.found, self._report)

    def _report(self, report: Report) -> None:
        """Called in the simulation's thread."""
        points = self.points
        self.doc.add_next_tick_callback(partial(self._show_points, points, report))

    def _show_points(self, points: Points | None, report: Report) -> None:
        if points is None or points is not self.points or self.found is None:
            return  # of a problem that is no longer shown
        if report.table is not None:
            curves, text = measured(self.found, report.table)
            self.figure.draw_points(curves)
            self.widgets.answer(text, legend(self.found, report.done))
        if report.error:
            self._say(report.error, is_error=True)
        if report.error or report.done == report.total:
            self.points = None
            self.widgets.idle()
        else:
            self.widgets.busy(report.done, report.total)

    async def _open(self) -> None:
        """A config was chosen in the browser; its name has come after its content.

        It is read in a thread: other visitors do not wait for it.
        """
        try:
            name, content = self.widgets.sharing.chosen()
            state, notes = await self._loop.run_in_executor(None, _read, name, content)
        except ValueError as error:
            self._say(str(error), is_error=True)
        else:
            self._go_to(Chosen.of(state), [f"{name} opened.", *notes])


def _read(name: str, content: bytes) -> tuple[State, list[str]]:
    return of_config(_config.parse(decoded(content, name), name, Path()))
