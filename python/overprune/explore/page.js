// Names and values for assistive technology that Bokeh's widgets leave out.
const element = model => Bokeh.index.find_one_by_id(model.id).el

for (const {slider, number, texts} of controls) {
  const root = element(slider).shadowRoot
  const handle = root.querySelector(".noUi-handle")
  handle.setAttribute("aria-label", slider.title)
  // Its own value is a position, rounded to the slider's steps; what was typed may lie between two.
  const say = at => {
    const is_typed = Math.abs(slider.value - at) <= 0.5 * slider.step
    if (texts.length > 0) {
      const stands = Number.isInteger(slider.value) || !is_typed
      handle.setAttribute("aria-valuetext", `${stands ? texts[Math.round(at)] : number.value}`)
    } else {
      handle.setAttribute("aria-valuetext", `${+(is_typed ? slider.value : at).toFixed(6)}`)
    }
  }
  root.querySelector(".noUi-target").noUiSlider.on("update", (_texts, _handle, [at]) => say(at))
  number.properties.value.change.connect(() => say(slider.value))
}
element(rules).setAttribute("role", "group")
element(rules).setAttribute("aria-label", "pruning rules")

element(answer).setAttribute("aria-live", "polite")
element(answer).id = "answer"
const drawn = element(picture)
drawn.setAttribute("role", "figure")
drawn.setAttribute("aria-label", "curves over the size k")
drawn.setAttribute("aria-describedby", "answer")
// The keyboard does nothing in the picture.
const events = Bokeh.index.find_one_by_id(picture.id).canvas_view?.events_el
events?.removeAttribute("tabindex")

// A finger on the picture scrolls the page, as everywhere else.
if (matchMedia("(pointer: coarse)").matches) {
  for (const tool of picture.toolbar.tools) {
    if (tool.type == "PanTool") tool.active = false
  }
}
