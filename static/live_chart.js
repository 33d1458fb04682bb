// One Plotly chart that lives as long as its page: drawn once, then continued by its newest points.
//
// Messages carry `rev` (what is drawn) and either `figure` (all of it) or `tail` (its newest points). Streamlit
// delivers only the newest message, so a tail may not join what is held: the chart then takes back its
// acknowledgement and is sent the whole figure. Live values are tags over the plot; a tick never redraws it.
// Times are held in UTC; what is drawn is shifted by `zone.offset_ms`, since Plotly knows no zones.

// The same query, so that a new version of this file brings the new version of those.
const version = new URL(import.meta.url).search;
const [drawing, keys, { linkedTime, linkTime }, { mounting }, { placeTags }] = await Promise.all(
  ["drawing", "keys", "link", "mount", "tags"].map((name) => import(`./${name}.js${version}`)),
);
const { axisKey, axisNumber, axisTime, dress, epochMs, firstAt, look, themed, trueMinus, unpacked } = drawing;
const { KEYS_HTML, KEYS_TEXT, listenForKeys } = keys;

const CONFIG = {
  displaylogo: false,
  doubleClick: false,
  scrollZoom: false,
  showTips: false,
  showSendToCloud: false,
  modeBarButtons: [["zoom2d", "pan2d"], ["toImage"]],
};
const LEAST_BARS = 5;
const WHOLE = 1500; // points up to which all are drawn; beyond, what is shown and as much on either side

const HTML = `
  <div class="statarb-bar">
    <div class="statarb-spans" role="group" aria-label="Time span shown"></div>
    <div class="statarb-tools">
      <button class="statarb-follow" type="button" disabled>
        <span class="statarb-wide"></span><span class="statarb-narrow"></span>
      </button>
      ${KEYS_HTML}
    </div>
  </div>
  <div class="statarb-canvas" tabindex="0" role="group" aria-label="Chart. ${KEYS_TEXT}">
    <div class="statarb-plot"></div><div class="statarb-tags"></div>
  </div>`;

class LiveChart {
  constructor(root, plotly) {
    root.innerHTML = HTML;
    this.plotly = plotly;
    this.root = root;
    this.canvas = root.querySelector(".statarb-canvas");
    this.plot = root.querySelector(".statarb-plot");
    this.overlay = root.querySelector(".statarb-tags");
    this.spanButtons = root.querySelector(".statarb-spans");
    this.followButton = root.querySelector(".statarb-follow");
    this.followButton.onclick = () => this.follow();
    listenForKeys(root, () => this.canvas.focus({ preventScroll: true }));
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.canvas.addEventListener("pointerdown", () => this.canvas.focus({ preventScroll: true }));
    this.range = null; // the user's own range; null while the chart follows the newest bar
    this.span = null; // the user's own span; null for the one that is chosen first
    // A page that is left hides its plot first, and the library refuses to measure what is hidden.
    this.resizer = new ResizeObserver(() => this.figure && this.plot.offsetParent && plotly.Plots.resize(this.plot));
    this.resizer.observe(this.plot);
  }

  /** Shows a message; false when it does not join what is held. */
  async show(data) {
    const zoneMoved = this.message && this.message.zone.label !== data.zone.label;
    this.message = data;
    this.root.setAttribute("aria-label", data.label);
    this.plot.style.height = `${data.height}px`;
    const seen = look(getComputedStyle(this.root));
    let redraw = seen !== this.seen || zoneMoved;
    this.seen = seen;
    if (data.figure) {
      this.hold(data);
      redraw = true;
    } else if (this.rev !== data.rev || !this.join(data.tail)) {
      return false;
    } else if (this.grown && this.shown()[1] >= this.times.at(-1)) {
      redraw = true; // while the user looks at the past, a new bar changes nothing that is drawn
    }
    this.showSpans(data.spans);
    if (redraw || this.liveOutside()) await this.draw();
    this.placeTags();
    this.showFollow();
    return true;
  }

  hold({ figure, rev, view, live, spans }) {
    this.rev = rev;
    this.times = unpacked(figure.x);
    const data = figure.data.map((trace) => (trace.x ? trace : { ...trace, y: unpacked(trace.y) }));
    this.figure = { ...figure, data };
    if (this.view === undefined) this.open(linkedTime(spans), live);
    else if (view !== this.view) this.showTime(null, null); // another pair or timeframe: nothing of the old view fits
    this.view = view;
  }

  /** Begins with what the address asks for, as far as it lies among the bars held. */
  open({ range = null, span = null }, live) {
    this.span = span;
    this.range = range && this.holds(range, live) ? range : null;
    this.pausedAt = this.times.at(-1);
  }

  holds([start, end], live) {
    const middle = (start + end) / 2;
    return middle >= (this.times[0] ?? Infinity) && middle <= live.x;
  }

  /** Another range or span: the address says so. */
  showTime(range, span) {
    this.range = range;
    this.span = span;
    linkTime(range, span, this.message.spans);
  }

  /** Appends what is newer; false when there is a hole between what is held and the tail. */
  join(tail) {
    this.grown = false;
    const last = this.times.at(-1) ?? -Infinity;
    const from = firstAt(tail.x, last);
    if (tail.x.length && (from === tail.x.length ? last !== -Infinity : from === 0 && tail.x[0] !== last)) return false;
    for (let i = from; i < tail.x.length; i++) {
      const isNew = tail.x[i] > last;
      if (isNew) this.times.push(tail.x[i]);
      tail.y.forEach((values, number) => {
        const held = this.figure.data[number].y;
        held[isNew ? held.length : held.length - 1] = values[i];
      });
      this.grown ||= isNew;
    }
    const extra = this.times.length - this.figure.max_bars;
    if (extra > 0) {
      this.times.splice(0, extra);
      tail.y.forEach((_, number) => this.figure.data[number].y.splice(0, extra));
    }
    return true;
  }

  /** The range shown, UTC: the user's, or the chosen span up to the forming bar. */
  shown() {
    if (this.range) return this.range;
    const { live, bar_ms: barMs, spans } = this.message;
    const end = live.x ?? this.times.at(-1) ?? 0;
    const first = this.times[0] ?? end - 100 * barMs;
    const span = this.span ?? spans.chosen;
    const start = span ? Math.max(first, end - span) : first;
    return [start, end + Math.max((end - start) * 0.02, 2 * barMs)];
  }

  /** For each pane the range that holds what is shown of its lines, its levels and its live values. */
  fitted([start, end]) {
    const bounds = this.figure.fit.map((levels) => [Math.min(...levels, Infinity), Math.max(...levels, -Infinity)]);
    const widen = (number, value) => {
      if (value === null || !Number.isFinite(value)) return;
      bounds[number][0] = Math.min(bounds[number][0], value);
      bounds[number][1] = Math.max(bounds[number][1], value);
    };
    const [low, high] = [firstAt(this.times, start), firstAt(this.times, end + 1)];
    for (const trace of this.figure.data) {
      if (!trace.x) for (let i = low; i < high; i++) widen(axisNumber(trace), trace.y[i]);
    }
    const { live } = this.message;
    if (live.x >= start && live.x <= end) for (const tag of live.tags) widen(tag.pane, tag.value);
    return bounds.map(([least, most], number) => {
      if (least > most) return [-1, 1];
      const room = Math.max((most - least) * 0.08, Math.abs(most) * 1e-6, 1e-9);
      const onFloor = least === 0 && this.figure.fit[number].includes(0);
      return [onFloor ? 0 : least - room, most + room];
    });
  }

  liveOutside() {
    const { live } = this.message;
    const [start, end] = this.shown();
    return (
      live.x >= start &&
      live.x <= end &&
      live.tags.some(({ pane, value }) => value < this.ranges[pane][0] || value > this.ranges[pane][1])
    );
  }

  /** Which points are drawn: all, or those shown and as many again on either side, for the hand that pans. */
  drawn([start, end]) {
    if (this.times.length <= WHOLE) return [0, this.times.length];
    return [firstAt(this.times, 2 * start - end), firstAt(this.times, 2 * end - start)];
  }

  async draw() {
    const style = getComputedStyle(this.root);
    const { offset_ms: offset, label: zone } = this.message.zone;
    const layout = dress(themed(this.figure.layout, style), style, this.plot.clientWidth);
    const range = this.shown();
    this.ranges = this.fitted(range);
    Object.assign(layout.xaxis, {
      range: range.map((time) => axisTime(time + offset)),
      spikecolor: layout.font.color,
      hoverformat: `%d %b %Y, %H:%M:%S ${zone}`,
      title: { ...layout.xaxis.title, text: zone },
    });
    this.ranges.forEach((bounds, number) => (layout[axisKey(number)].range = bounds));
    layout.datarevision = this.drawings = (this.drawings ?? 0) + 1;
    layout.dragmode = this.plot._fullLayout?.dragmode ?? (matchMedia("(pointer: coarse)").matches ? false : "zoom");
    const [low, high] = this.drawn(range);
    const times = this.times.slice(low, high).map((time) => axisTime(time + offset));
    const traces = this.figure.data.map(({ x, y, ...rest }) => ({
      ...themed(rest, style),
      x: x ? x.map((time) => axisTime(time + offset)) : times,
      y: x ? y : y.slice(low, high),
    }));
    await this.plotly.react(this.plot, traces, layout, CONFIG);
    if (!this.listens) this.listen();
  }

  listen() {
    this.listens = true;
    trueMinus(this.plot);
    this.plot.on("plotly_relayout", (change) => this.onRelayout(change));
    this.plot.on("plotly_doubleclick", () => this.follow(null));
    this.plot.on("plotly_relayouting", () => this.placeTags());
    this.plot.on("plotly_afterplot", () => this.placeTags());
  }

  /** The user zoomed or panned: keep that range, and stop following. */
  onRelayout(change) {
    const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (range[0] === undefined) return;
    this.pause(range.map((time) => epochMs(time) - this.message.zone.offset_ms));
  }

  pause(range) {
    if (!this.range) this.pausedAt = this.times.at(-1);
    this.showTime(range, this.span);
    this.redraw();
  }

  follow(span = this.span) {
    this.showTime(null, span);
    this.redraw();
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.figure || event.target !== this.canvas) return;
    const [start, end] = this.shown();
    const step = (end - start) * (event.shiftKey ? 0.5 : 0.1);
    const act = {
      ArrowLeft: () => this.move(start - step, end - step),
      ArrowRight: () => this.move(start + step, end + step),
      "+": () => this.scale(0.75),
      "=": () => this.scale(0.75),
      "-": () => this.scale(1 / 0.75),
      0: () => this.follow(null),
      r: () => this.follow(null),
      f: () => this.follow(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // Streamlit has an R of its own
    act();
  }

  /** Shows another span of time, as long as a part of it is among the bars held. */
  move(start, end) {
    if (this.holds([start, end], this.message.live)) this.pause([start, end]);
  }

  /** Zooms about the middle; about the newest bar while that is followed. */
  scale(factor) {
    const [start, end] = this.shown();
    const [least, most] = [LEAST_BARS * this.message.bar_ms, 2 * (end - (this.times[0] ?? start))];
    const width = Math.min(Math.max((end - start) * factor, least), Math.max(most, end - start));
    const middle = (start + end) / 2;
    this.pause(this.range ? [middle - width / 2, middle + width / 2] : [end - width, end]);
  }

  redraw() {
    const done = this.draw().then(() => this.placeTags());
    this.showSpans(this.message.spans);
    this.showFollow();
    return done;
  }

  showSpans({ choices, chosen }) {
    const wanted = JSON.stringify(choices);
    if (wanted !== this.shownSpans) {
      this.shownSpans = wanted;
      this.spanButtons.replaceChildren(
        ...choices.map(({ label, ms }) => {
          const button = document.createElement("button");
          Object.assign(button, { type: "button", textContent: label, onclick: () => this.follow(ms) });
          button.dataset.ms = ms;
          return button;
        }),
      );
    }
    const active = this.range ? null : (this.span ?? chosen);
    for (const button of this.spanButtons.children) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.ms) === active));
    }
  }

  showFollow() {
    const newer = this.times.length - firstAt(this.times, (this.pausedAt ?? Infinity) + 1);
    const bars = newer ? `, ${newer} new ${newer === 1 ? "bar" : "bars"}` : "";
    const texts = this.range
      ? [`Live paused${bars}: jump to now`, newer ? `${newer} new: jump to now` : "Jump to now"]
      : ["Following", "Following"];
    texts.forEach((text, i) => {
      const place = this.followButton.children[i]; // the second is for a narrow screen
      if (place.textContent !== text) place.textContent = text;
    });
    this.followButton.disabled = !this.range;
  }

  /** Once there is a drawing to put them on. */
  placeTags() {
    if (this.plot._fullLayout?.xaxis && this.message) {
      placeTags(this.overlay, this.plot, this.message, getComputedStyle(this.root));
    }
  }

  close() {
    this.resizer.disconnect();
    this.plotly.purge(this.plot);
  }
}

export const mount = mounting((host, plotly) => new LiveChart(host, plotly));
