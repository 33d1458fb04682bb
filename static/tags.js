// The live values over a chart: a tag beside its pane, a point where the forming bar stands.

const version = new URL(import.meta.url).search;
const { axisKey, themed } = await import(`./drawing.js${version}`);

const TAG_PX = 17; // from one tag to the next
const TICK_PX = 14; // nearer than this a tag and a label of the axis cannot both be read

/** Where tags for these heights go: as near as they can be without one covering another. */
function apart(tags, layout) {
  const taken = [];
  return tags.map((tag) => {
    const axis = layout[axisKey(tag.pane)];
    const height = axis._offset + axis.l2p(tag.value);
    let free = Math.min(Math.max(height, axis._offset + 8), axis._offset + axis._length - 8);
    for (const other of taken) if (Math.abs(other - free) < TAG_PX) free = other + (height >= other ? TAG_PX : -TAG_PX);
    taken.push(free);
    return { tag, axis, height, free };
  });
}

/** Of an axis that carries a tag, the labels that the tag would cover give way to it. */
function clearLabels(plot, placed) {
  for (const axis of new Set(placed.map((one) => one.axis))) {
    for (const label of plot.querySelectorAll(`.${axis._id}tick`)) {
      const height = axis._offset + axis.l2p(label.__data__.x);
      const covered = placed.some((one) => one.axis === axis && Math.abs(one.free - height) < TICK_PX);
      label.style.visibility = covered ? "hidden" : "";
    }
  }
}

/** Puts the message's live values into `overlay`, over the drawn `plot`; `style` holds the theme's colours. */
export function placeTags(overlay, plot, { live, zone }, style) {
  const layout = plot._fullLayout;
  const { tags, x, dim } = live;
  while (overlay.children.length < 2 * tags.length) overlay.append(document.createElement("span"));
  while (overlay.children.length > 2 * tags.length) overlay.lastChild.remove();
  overlay.classList.toggle("statarb-dim", Boolean(dim));
  const { _offset: start, _length: width } = layout.xaxis;
  const left = start + layout.xaxis.l2p(x + zone.offset_ms);
  const inside = left >= start && left <= start + width;
  const placed = apart(tags, layout);
  placed.forEach(({ tag, axis, height, free }, number) => {
    const [label, point] = [overlay.children[2 * number], overlay.children[2 * number + 1]];
    const visible = inside && height >= axis._offset - 1 && height <= axis._offset + axis._length + 1;
    const color = themed(tag.color, style);
    label.className = "statarb-tag";
    label.textContent = tag.text;
    label.style.cssText = `top:${free}px;left:${start + width + 3}px;--tag:${color}`;
    point.className = "statarb-point";
    point.style.cssText = `top:${height}px;left:${left}px;background:${color};display:${visible ? "" : "none"}`;
  });
  clearLabels(plot, placed);
}
