// A Plotly chart that moves with the bars: drawn once a revision; zoom and node live on over reruns and themes.
//
// Messages carry `rev` and, until it is acknowledged, `spec`: Plotly's data and layout with theme tokens as colours.
// Traces without x take the common `spec.x`. Where `spec.fit` lists, for each y axis, what must stay in view, the y
// axes follow the span of time that is shown; else Plotly keeps the zoom itself, as long as `layout.uirevision` stays.
// Times are held in UTC; what is drawn is shifted by `zone.offset_ms`, since Plotly knows no zones.

const version = new URL(import.meta.url).search;
const [drawing, { mounting }] = await Promise.all(
  ["drawing", "mount"].map((name) => import(`./${name}.js${version}`)),
);
const { axisKey, axisNumber, axisTime, dress, epochMs, firstAt, look, themed, trueMinus, unpacked } = drawing;

const CONFIG = {
  displaylogo: false,
  scrollZoom: false,
  showTips: false,
  showSendToCloud: false,
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"], ["toImage"]],
};

class Plot {
  constructor(root, plotly) {
    root.innerHTML = '<div class="statarb-plot"></div>';
    this.plotly = plotly;
    this.root = root;
    this.plot = root.firstElementChild;
    this.range = null; // the user's own span of time; null while all of it is shown
    // A page that is left hides its plot first, and the library refuses to measure what is hidden.
    this.resizer = new ResizeObserver(() => this.spec && this.plot.offsetParent && plotly.Plots.resize(this.plot));
    this.resizer.observe(this.plot);
  }

  /** Shows a message; false when its specification is not held. */
  async show({ rev, spec, label, height, zone }) {
    this.root.setAttribute("aria-label", label);
    this.plot.style.height = `${height}px`;
    const seen = `${look(getComputedStyle(this.root))}|${zone.label}`;
    this.zone = zone;
    if (spec) this.hold(spec, rev);
    else if (this.rev !== rev) return false;
    else if (seen === this.seen) return true;
    this.seen = seen;
    await this.draw();
    return true;
  }

  hold(spec, rev) {
    const view = spec.layout.uirevision;
    if (view !== this.view) this.range = null; // another pair or timeframe: nothing of the old view fits
    this.view = view;
    this.rev = rev;
    this.times = spec.x ? unpacked(spec.x) : null;
    const values = (item) => (item?.bdata ? unpacked(item) : item);
    const data = spec.data.map((trace) => ({
      ...trace,
      x: values(trace.x) ?? this.times,
      ...Object.fromEntries(["y", "open", "high", "low", "close"].filter((k) => trace[k]).map((k) => [k, values(trace[k])])),
    }));
    this.spec = { ...spec, data };
  }

  async draw() {
    const style = getComputedStyle(this.root);
    const layout = dress(themed(this.spec.layout, style), style, this.plot.clientWidth);
    layout.datarevision = this.drawings = (this.drawings ?? 0) + 1;
    layout.dragmode = this.plot._fullLayout?.dragmode ?? (matchMedia("(pointer: coarse)").matches ? false : "zoom");
    layout.xaxis.spikecolor = layout.font.color;
    const offset = this.zone.offset_ms;
    if (this.spec.fit) {
      Object.assign(layout.xaxis, {
        range: (this.range ?? this.full()).map((time) => axisTime(time + offset)),
        hoverformat: `%d %b %Y, %H:%M:%S ${this.zone.label}`,
        title: { ...layout.xaxis.title, text: this.zone.label },
      });
      this.fitted().forEach((range, number) => (layout[axisKey(number)].range = range));
    }
    const held = ["x", "y", "open", "high", "low", "close"];
    const traces = this.spec.data.map((trace) => {
      const rest = Object.fromEntries(Object.entries(trace).filter(([key]) => !held.includes(key)));
      const values = Object.fromEntries(held.filter((key) => trace[key]).map((key) => [key, trace[key]]));
      if (this.spec.fit) values.x = trace.x.map((time) => axisTime(time + offset));
      return { ...themed(rest, style), ...values };
    });
    await this.plotly.react(this.plot, traces, layout, { ...CONFIG, doubleClick: this.spec.fit ? false : "reset+autosize" });
    if (!this.listens) this.listen();
  }

  /** All of the time that there is. */
  full() {
    const [first, last] = [this.times[0] ?? 0, this.times.at(-1) ?? 1];
    const room = (last - first) * 0.01 || 1000;
    return [first - room, last + room];
  }

  /** For each y axis the range that holds what is shown of its traces, and its levels. */
  fitted() {
    const [start, end] = this.range ?? [-Infinity, Infinity];
    return this.spec.fit.map((levels, number) => {
      let [least, most] = [Math.min(...levels, Infinity), Math.max(...levels, -Infinity)];
      for (const trace of this.spec.data) {
        if (axisNumber(trace) !== number) continue;
        const [from, to] = [firstAt(trace.x, start), firstAt(trace.x, end)];
        for (const values of [trace.y, trace.low, trace.high].filter(Boolean)) {
          for (let i = from; i < to; i++) {
            if (values[i] < least) least = values[i];
            if (values[i] > most) most = values[i];
          }
        }
      }
      if (least > most) return [-1, 1];
      const room = Math.max((most - least) * 0.08, Math.abs(most) * 1e-6, 1e-9);
      return [levels.includes(0) && least === 0 ? 0 : least - room, most + room];
    });
  }

  listen() {
    this.listens = true;
    trueMinus(this.plot);
    this.plot.on("plotly_relayout", (change) => {
      const range = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (!this.spec.fit || range[0] === undefined) return;
      const [first, last] = range.map((time) => epochMs(time) - this.zone.offset_ms);
      this.zoom(first <= this.times[0] && last >= this.times.at(-1) ? null : [first, last]);
    });
    this.plot.on("plotly_doubleclick", () => this.spec.fit && this.zoom(null));
  }

  zoom(range) {
    this.range = range;
    return this.draw();
  }

  close() {
    this.resizer.disconnect();
    this.plotly.purge(this.plot);
  }
}

export const mount = mounting((host, plotly) => new Plot(host, plotly));
