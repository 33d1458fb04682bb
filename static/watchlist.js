// The watchlist: one button a pair, with its z, a sparkline of it, the net edge and the verdict; a click picks the pair.

const HTML = `
  <span class="statarb-tile-name"></span><b class="statarb-tile-z"></b>
  <svg class="statarb-spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
    <path class="statarb-spark-bounds"></path><path class="statarb-spark-line"></path>
  </svg>
  <span class="statarb-tile-net"></span><span class="statarb-tile-verdict"></span>`;

/** Paths of the two thresholds and of z, on a scale that holds both. */
function paths(values, entry) {
  const reach = Math.max(1.25 * entry, ...values.map((value) => Math.abs(value ?? 0)));
  const height = (value) => (12 - (11 * value) / reach).toFixed(1);
  const step = 100 / Math.max(1, values.length - 1);
  let pen = "M";
  const line = values.map((value, i) => {
    if (value === null) return (pen = "M") && "";
    const point = `${pen}${(i * step).toFixed(1)} ${height(value)}`;
    pen = "L";
    return point;
  });
  return [`M0 ${height(entry)}H100M0 ${height(-entry)}H100`, line.join("")];
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fill(button, tile, entry) {
  const [name, z, svg, net, verdict] = button.children;
  put(name, tile.name);
  put(z, tile.z);
  put(net, tile.net);
  put(verdict, tile.verdict);
  button.title = tile.title;
  button.classList.toggle("statarb-beyond", tile.beyond);
  button.classList.toggle("statarb-old", !tile.live);
  if (tile.current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  paths(tile.spark, entry).forEach((path, i) => svg.children[i].setAttribute("d", path));
}

/** Fades the edge beyond which the strip goes on. */
function fade(strip) {
  const beyond = strip.scrollWidth - strip.clientWidth - strip.scrollLeft;
  strip.style.setProperty("--fade-left", strip.scrollLeft > 1 ? "28px" : "0px");
  strip.style.setProperty("--fade-right", beyond > 1 ? "28px" : "0px");
}

/** Shows what Streamlit sends; buttons are kept by pair, so focus and scroll stay. */
export function mount({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".statarb-place");
  let strip = place.querySelector(".statarb-watch");
  if (!strip) {
    strip = document.createElement("nav");
    strip.className = "statarb-watch";
    strip.setAttribute("aria-label", "Watchlist");
    strip.addEventListener("scroll", () => fade(strip), { passive: true });
    // A browser is content with a part of what gets the focus; under a hand nothing may move away.
    strip.addEventListener("focusin", ({ target }) => {
      if (target.matches(":focus-visible")) target.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    new ResizeObserver(() => fade(strip)).observe(strip);
    place.replaceChildren(strip);
  }
  const held = new Map([...strip.children].map((button) => [button.dataset.id, button]));
  const wanted = data.tiles.map((tile) => {
    let button = held.get(tile.id);
    if (!button) {
      button = document.createElement("button");
      Object.assign(button, { type: "button", className: "statarb-tile", innerHTML: HTML });
      button.dataset.id = tile.id;
    }
    button.onclick = () => setTriggerValue("pick", tile.id);
    fill(button, tile, data.entry);
    return button;
  });
  if (wanted.length !== strip.children.length || wanted.some((button, i) => button !== strip.children[i])) {
    strip.replaceChildren(...wanted);
    fade(strip);
  }
  return () => {};
}
