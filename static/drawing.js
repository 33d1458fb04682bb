// What every chart shares: the library, typed arrays, and the theme's own colours and fonts.

const TIME_PX = 72; // from one time of an axis to the next, at least
const LIBRARY = "app/static/plotly-finance-4.1.0.min.js";

/** Plotly, loaded once a page. */
export function library() {
  window.statarbPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = LIBRARY;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      window.statarbPlotly = undefined;
      reject(new Error("The chart library did not load. Check that the folder static/ is there and reload the page."));
    };
    document.head.append(script);
  });
  return window.statarbPlotly;
}

export function unpacked({ dtype, bdata }) {
  const bytes = Uint8Array.from(atob(bdata), (character) => character.charCodeAt(0));
  return Array.from(new (dtype === "f8" ? Float64Array : Float32Array)(bytes.buffer));
}

/** Replaces `@blue-color` and the like by the theme's own values, everywhere in a specification. */
export function themed(value, style) {
  if (typeof value === "string" && value.includes("@")) {
    return value.replace(/@([a-z]+(?:-[a-z]+)*-color)/g, (_, name) => style.getPropertyValue(`--st-${name}`).trim());
  }
  if (Array.isArray(value)) {
    const numbers = typeof value[0] === "number" && typeof value[1] !== "string"; // a colour scale is [0, "@..."]
    return numbers ? value : value.map((item) => themed(item, style));
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, themed(item, style)]));
  }
  return value;
}

/** What tells two themes apart. */
export function look(style) {
  return ["text", "background", "blue"].map((name) => style.getPropertyValue(`--st-${name}-color`)).join();
}

/** Fonts, grid, background and tools of a themed layout, as every chart has them, and no more times on its axis than
 * `width` has room for; the layout itself is changed. */
export function dress(layout, style, width) {
  const font = { family: style.getPropertyValue("--st-font"), color: themed("@text-color", style), size: 12 };
  const grid = { gridcolor: themed("@border-color", style), griddash: "dot", gridwidth: 0.5, tickfont: { size: 11 } };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) Object.assign(layout[key], grid);
  if (layout.xaxis?.type === "date") layout.xaxis.nticks = Math.min(layout.xaxis.nticks, Math.max(3, Math.floor(width / TIME_PX)));
  return Object.assign(layout, {
    font,
    modebar: { bgcolor: "rgba(0,0,0,0)", color: themed("@gray-color", style), activecolor: font.color },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: {
      bgcolor: themed("@secondary-background-color", style),
      bordercolor: grid.gridcolor,
      font: { color: font.color, size: 12 },
    },
    annotations: (layout.annotations ?? []).map((note) => ({ ...note, font: { size: 12, color: font.color, ...note.font } })),
  });
}

/** Gives what hovers over a drawn `plot` a true minus: the library's formats know the hyphen only. */
export function trueMinus(plot) {
  const layer = plot.querySelector(".hoverlayer");
  const mend = () => {
    const texts = document.createTreeWalker(layer, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode;
      const text = node.data.replace(/(?<!\w)-(?=[\d.])/g, "\u2212"); // not that of a date
      if (text !== node.data) node.data = text;
    }
  };
  new MutationObserver(mend).observe(layer, { childList: true, characterData: true, subtree: true });
}

/** A time as Plotly writes it; it would read a number as a time of the browser's own zone. */
export function axisTime(ms) {
  return new Date(ms).toISOString().slice(0, -1).replace("T", " ");
}

export function epochMs(value) {
  return typeof value === "number" ? value : Date.parse(`${String(value).replace(" ", "T")}Z`);
}

/** The first index of the sorted `times` that is not before `time`. */
export function firstAt(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

library().catch(() => {}); // on its way while the page is still being built; who needs it, asks again and says what is wrong

export const axisNumber = (trace) => (trace.yaxis && trace.yaxis !== "y" ? Number(trace.yaxis.slice(1)) - 1 : 0);
export const axisKey = (number) => (number ? `yaxis${number + 1}` : "yaxis");
