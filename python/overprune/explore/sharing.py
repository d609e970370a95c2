"""Ways to take the page's config along: the address, a copy, a file; and to open one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from bokeh.models import Button, ColumnDataSource, CustomJS, Div, FileInput, Row, UIElement

from .state import State

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
# Pages of other machines have no navigator.clipboard without https.
_COPY = """
const text = what == "link" ? new URL("?" + shared.data.query[0], location).href
                            : shared.data.toml[0]
const say = (kind, words) => {
  status.text = `<div class="status ${kind}" role="alert">${words}</div>`
}
const select = () => {
  const area = document.createElement("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  const copied = document.execCommand("copy")
  area.remove()
  if (!copied) throw new Error("refused")
}
Promise.resolve()
  .then(() => navigator.clipboard.writeText(text))
  .catch(select)
  .then(() => say("", `The ${what} is copied.`))
  .catch(() => say("error", `The browser does not let pages copy the ${what}.`))
"""


class Sharing:
    """The buttons of the config, and what they give away.

    Parameters
    ----------
    status : Div
        Where it is said that something was copied.
    stylesheets : list
        Of the buttons.
    open_config : callable
        A file was chosen, which `chosen` has a moment later.
    """

    def __init__(
        self, status: Div, stylesheets: list[Any], open_config: Callable[[], None]
    ) -> None:
        self._styles: dict[str, Any] = {
            "sizing_mode": "stretch_width",
            "stylesheets": stylesheets,
        }
        self.shared = ColumnDataSource({"toml": [""], "query": [""]}, name="shared")
        self.shared.js_on_change("data", CustomJS(args={"shared": self.shared}, code=_ADDRESS))
        self.copies = [
            self._button(f"copy {what}", f"Copy {what}", _COPY, status=status, what=what)
            for what in ("link", "config")
        ]
        self.save = self._button("save", "Save as config", _SAVE)
        self.open = FileInput(title="open a config", accept=".toml", name="open", **self._styles)
        self.open.on_change("value", lambda _attribute, _old, _new: open_config())

    def parts(self) -> list[UIElement]:
        """What the page shows, in this order."""
        return [Row(children=self.copies, sizing_mode="stretch_width"), self.save, self.open]

    def show(self, state: State) -> None:
        """Gives this state away from now on."""
        self.shared.data = {"toml": [state.toml()], "query": [state.query()]}

    def chosen(self) -> tuple[str, bytes]:
        """Name and content of the file opened last; ValueError where it is neither."""
        name, value = self.open.filename, self.open.value
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError("one file must be opened, got several")
        try:
            return name[:_LONGEST_NAME], base64.b64decode(value, validate=True)
        except ValueError:
            raise ValueError(f"{name[:_LONGEST_NAME]} has not come whole: open it again") from None

    def _button(self, name: str, label: str, code: str, **arguments: Any) -> Button:
        button = Button(label=label, name=name, **self._styles)
        button.js_on_click(CustomJS(args={"shared": self.shared, **arguments}, code=code))
        return button
