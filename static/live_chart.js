// One Plotly chart that lives as long as its page: drawn once, then continued by its newest points.
//
// Messages carry `rev` (what is drawn) and either `figure` (all of it) or `tail` (its newest points). Streamlit
// delivers only the newest message, so a tail may not join what is held: the chart then takes back its
// acknowledgement and is sent the whole figure. Live values are tags over the plot; a tick never redraws it.

// The same query, so that a new version of this file brings the new version of that one.
const version = new URL(import.meta.url).search;
const { axisKey, axisNumber, epochMs, firstAt, themed, unpacked } = await import(`./drawing.js${version}`);
const { mounting } = await import(`./mount.js${version}`);

const CONFIG = {
  displaylogo: false,
  doubleClick: false,
  scrollZoom: false,
  showSendToCloud: false,
  modeBarButtons: [["zoom2d", "pan2d"], ["toImage"]],
};

const HTML = `
  <div class="statarb-bar">
    <div class="statarb-spans" role="group" aria-label="Time span shown"></div>
    <button class="statarb-follow" type="button" disabled>Following</button>
  </div>
  <div class="statarb-canvas"><div class="statarb-plot"></div><div class="statarb-tags"></div></div>`;

class LiveChart {
  constructor(root, plotly) {
    root.innerHTML = HTML;
    this.plotly = plotly;
    this.root = root;
    this.plot = root.querySelector(".statarb-plot");
    this.overlay = root.querySelector(".statarb-tags");
    this.spanButtons = root.querySelector(".statarb-spans");
    this.followButton = root.querySelector(".statarb-follow");
    this.followButton.onclick = () => this.follow();
    this.range = null; // the user's own range; null while the chart follows the newest bar
    this.resizer = new ResizeObserver(() => this.figure && plotly.Plots.resize(this.plot));
    this.resizer.observe(this.plot);
  }

  /** Shows a message; false when it does not join what is held. */
  async show(data) {
    this.message = data;
    this.root.setAttribute("aria-label", data.label);
    this.plot.style.height = `${data.height}px`;
    const style = getComputedStyle(this.root);
    const look = ["text", "background", "blue"].map((name) => style.getPropertyValue(`--st-${name}-color`)).join();
    let redraw = look !== this.look;
    this.look = look;
    if (data.figure) {
      this.hold(data);
      redraw = true;
    } else if (this.rev !== data.rev || !this.join(data.tail)) {
      return false;
    } else if (this.grown) {
      redraw = true;
    }
    this.showSpans(data.spans);
    if (redraw || this.liveOutside()) await this.draw();
    this.placeTags();
    this.showFollow();
    return true;
  }

  hold({ figure, rev, view }) {
    this.rev = rev;
    this.times = unpacked(figure.x);
    const data = figure.data.map((trace) => (trace.x ? trace : { ...trace, x: this.times, y: unpacked(trace.y) }));
    this.figure = { ...figure, data };
    if (view !== this.view) this.range = this.span = null; // another pair or timeframe: nothing of the old view fits
    this.view = view;
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

  /** The range shown: the user's, or the chosen span up to the forming bar. */
  shown() {
    if (this.range) return this.range;
    const { live, bar_ms: barMs, spans } = this.message;
    const end = live.x ?? this.times.at(-1) ?? 0;
    const first = this.times[0] ?? end - 100 * barMs;
    const span = this.span === null || this.span === undefined ? spans.chosen : this.span;
    const start = span ? Math.max(first, end - span) : first;
    return [start, end + Math.max((end - start) * 0.02, 2 * barMs)];
  }

  /** For each pane the range that holds what is shown of its lines, its levels and its live values. */
  fitted([start, end]) {
    const bounds = this.figure.fit.map((levels) => [Math.min(...levels, Infinity), Math.max(...levels, -Infinity)]);
    const widen = (number, value) => {
      if (!Number.isFinite(value)) return;
      bounds[number][0] = Math.min(bounds[number][0], value);
      bounds[number][1] = Math.max(bounds[number][1], value);
    };
    const [low, high] = [firstAt(this.times, start), firstAt(this.times, end + 1)];
    for (const trace of this.figure.data) {
      if (trace.x === this.times) for (let i = low; i < high; i++) widen(axisNumber(trace), trace.y[i] ?? NaN);
    }
    const { live } = this.message;
    if (live.x >= start && live.x <= end) for (const tag of live.tags) widen(tag.pane, tag.value);
    return bounds.map(([least, most]) => {
      if (least > most) return [-1, 1];
      const room = Math.max((most - least) * 0.08, Math.abs(most) * 1e-6, 1e-9);
      return [least - room, most + room];
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

  async draw() {
    const style = getComputedStyle(this.root);
    const layout = themed(this.figure.layout, style);
    const range = this.shown();
    this.ranges = this.fitted(range);
    const font = { family: style.getPropertyValue("--st-font"), color: themed("@text-color", style), size: 12 };
    const grid = { gridcolor: themed("@border-color", style), griddash: "dot", gridwidth: 0.5, tickfont: { size: 11 } };
    const quiet = { bgcolor: "rgba(0,0,0,0)", color: themed("@gray-color", style), activecolor: font.color };
    Object.assign(layout.xaxis, grid, { range: [...range], spikecolor: font.color });
    this.ranges.forEach((bounds, number) => Object.assign(layout[axisKey(number)], grid, { range: bounds }));
    Object.assign(layout, {
      font,
      modebar: quiet,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      datarevision: (this.drawings = (this.drawings ?? 0) + 1),
      dragmode: this.plot._fullLayout?.dragmode ?? (matchMedia("(pointer: coarse)").matches ? false : "zoom"),
      hoverlabel: { bgcolor: themed("@secondary-background-color", style), bordercolor: grid.gridcolor, font: { color: font.color, size: 12 } },
      annotations: layout.annotations.map((note) => ({ ...note, font: { size: 12, color: font.color } })),
    });
    const traces = themed(
      this.figure.data.map(({ x, y, ...rest }) => rest),
      style,
    ).map((trace, number) => ({ ...trace, x: this.figure.data[number].x, y: this.figure.data[number].y }));
    await this.plotly.react(this.plot, traces, layout, CONFIG);
    if (!this.listens) this.listen();
  }

  listen() {
    this.listens = true;
    this.plot.on("plotly_relayout", (change) => this.onRelayout(change));
    this.plot.on("plotly_doubleclick", () => this.follow());
    this.plot.on("plotly_relayouting", () => this.placeTags());
    this.plot.on("plotly_afterplot", () => this.placeTags());
  }

  /** The user zoomed or panned: keep that range, and stop following. */
  onRelayout(change) {
    const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (range[0] === undefined) return;
    this.range = range.map(epochMs);
    this.pausedAt = this.times.at(-1);
    this.redraw();
  }

  follow(span = this.span) {
    this.span = span;
    this.range = null;
    this.redraw();
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
    const text = this.range ? `Paused, ${newer} new ${newer === 1 ? "bar" : "bars"}: jump to now` : "Following";
    if (this.followButton.textContent !== text) this.followButton.textContent = text;
    this.followButton.disabled = !this.range;
  }

  /** Puts the live values beside their panes, and a point where the forming bar stands. */
  placeTags() {
    const layout = this.plot._fullLayout;
    if (!layout?.xaxis || !this.message) return;
    const { tags, x, dim } = this.message.live;
    const style = getComputedStyle(this.root);
    while (this.overlay.children.length < 2 * tags.length) this.overlay.append(document.createElement("span"));
    while (this.overlay.children.length > 2 * tags.length) this.overlay.lastChild.remove();
    this.overlay.classList.toggle("statarb-dim", Boolean(dim));
    const left = layout.xaxis._offset + layout.xaxis.l2p(x);
    const inside = left >= layout.xaxis._offset && left <= layout.xaxis._offset + layout.xaxis._length;
    const heights = [];
    tags.forEach((tag, number) => {
      const [label, point] = [this.overlay.children[2 * number], this.overlay.children[2 * number + 1]];
      const axis = layout[axisKey(tag.pane)];
      const height = axis._offset + axis.l2p(tag.value);
      const visible = height >= axis._offset - 1 && height <= axis._offset + axis._length + 1;
      let free = Math.min(Math.max(height, axis._offset + 8), axis._offset + axis._length - 8);
      for (const other of heights) if (Math.abs(other - free) < 17) free = other + (height >= other ? 17 : -17);
      heights.push(free);
      const color = themed(tag.color, style);
      label.className = "statarb-tag";
      label.textContent = tag.text;
      label.style.cssText = `top:${free}px;left:${layout.xaxis._offset + layout.xaxis._length + 3}px;--tag:${color}`;
      point.className = "statarb-point";
      point.style.cssText = `top:${height}px;left:${left}px;background:${color};display:${visible && inside ? "" : "none"}`;
    });
  }

  close() {
    this.resizer.disconnect();
    this.plotly.purge(this.plot);
  }
}

export const mount = mounting((host, plotly) => new LiveChart(host, plotly));
