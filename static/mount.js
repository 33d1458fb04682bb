// How a chart lives in the page: messages one by one, an acknowledgement, and a handover when Streamlit mounts it anew.
//
// Streamlit ends a call that a newer one has overtaken, on a change of theme above all, and may build the page again
// around the same chart. So only the end of the newest call counts, and what it showed is kept for a while: a mount
// with the same key takes over the node with its drawing, its zoom and its focus.

const { library } = await import(`./drawing.js${new URL(import.meta.url).search}`);

const PATIENCE_MS = 5000;
const held = (window.statarbCharts ??= new Map());

function adopt(key, place) {
  let chart = held.get(key);
  if (!chart) {
    const host = document.createElement("div");
    host.className = "statarb-chart";
    host.setAttribute("role", "group");
    held.set(key, (chart = { host, queue: Promise.resolve(), calls: 0 }));
  }
  clearTimeout(chart.ending);
  if (chart.host.parentNode !== place) {
    place.replaceChildren(...(chart.drawing ? [] : place.querySelectorAll(".statarb-loading")), chart.host);
    chart.ack = undefined; // a new mount knows of no acknowledgement
  }
  return chart;
}

/** What stands in the place until the first drawing has nothing more to say. */
function loaded(chart) {
  chart.host.parentNode?.querySelector(".statarb-loading")?.remove();
}

function end(key, chart) {
  chart.closed = true;
  chart.drawing?.close();
  chart.host.remove();
  held.delete(key);
}

/** The `mount` of a component whose drawing is made by `make(host, plotly)`: it has `show(data)` and `close()`. */
export function mounting(make) {
  return ({ data, parentElement, setStateValue }) => {
    const chart = adopt(data.key, parentElement.querySelector(".statarb-place"));
    const call = ++chart.calls;
    chart.newest = data;
    chart.queue = chart.queue.then(async () => {
      if (chart.newest !== data || chart.closed) return; // a newer message waits already
      try {
        chart.drawing ??= make(chart.host, await library());
        if (chart.closed) return;
        const ack = (await chart.drawing.show(data)) ? data.rev : null;
        if (ack) loaded(chart);
        // Once, and again when it seems lost: a rerun that is under way still carries the old one.
        if (ack !== data.ack && (ack !== chart.ack || performance.now() - chart.ackAt > 3000)) {
          [chart.ack, chart.ackAt] = [ack, performance.now()];
          setStateValue("ack", ack);
        }
      } catch (error) {
        loaded(chart);
        chart.host.textContent = error.message;
        chart.drawing = undefined;
      }
    });
    return () => {
      if (call === chart.calls) chart.ending = setTimeout(() => end(data.key, chart), PATIENCE_MS);
    };
  };
}
