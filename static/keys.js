// The keys of the live chart: what they are, and the panel that lists them.

const KEYS = [
  ["\u2190 \u2192", "pan"],
  ["Shift \u2190 \u2192", "pan by half"],
  ["+ \u2212", "zoom"],
  ["0 or R", "reset"],
  ["F", "follow now"],
];

const ROWS = KEYS.map(([key, what]) => `<div><dt>${key}</dt><dd>${what}</dd></div>`).join("");

/** All of them in a sentence, for the tooltip and for those who do not see the panel. */
export const KEYS_TEXT = `Keys, while the chart has the focus: ${KEYS.map((pair) => pair.join(" ")).join(", ")}`;

export const KEYS_HTML = `
  <button class="statarb-keys" type="button" title="${KEYS_TEXT}" aria-expanded="false">Keys</button>
  <div class="statarb-help" role="note" aria-label="Keys of the chart" hidden>
    <dl>${ROWS}</dl><p>The chart has the focus. Esc closes.</p>
  </div>`;

/** Makes the button within `root` open and close its panel; opening it calls `onOpen`; Escape, the
 * button and a click anywhere else close it. */
export function listenForKeys(root, onOpen) {
  const [button, panel] = [root.querySelector(".statarb-keys"), root.querySelector(".statarb-help")];
  let listening = new AbortController();
  const show = (open) => {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    listening.abort();
    if (!open) return;
    listening = new AbortController();
    const options = { capture: true, signal: listening.signal };
    document.addEventListener("keydown", (event) => event.key === "Escape" && show(false), options);
    document.addEventListener("pointerdown", ({ target }) => !isWithin(target) && show(false), options);
  };
  const isWithin = (target) => panel.contains(target) || button.contains(target);
  button.onclick = () => {
    show(panel.hidden);
    if (!panel.hidden) onOpen();
  };
}
