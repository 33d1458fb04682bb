// The part of time that a chart shows, in the page's address: `span` in seconds (or `all`), or `from` and `to` in UTC.
// A link is a saved view, and a reload shows the same.

const NAMES = ["span", "from", "to"];
const SETTLED_MS = 300; // browsers allow only so many changes of the address, and a hand that pans makes many

let pending = null;

/** What the address asks for, of the spans that are offered: `{span}` in ms, `{range}` in epoch ms, or neither. */
export function linkedTime(spans) {
  const query = new URLSearchParams(location.search);
  const [from, to] = ["from", "to"].map((name) => Date.parse(query.get(name)));
  if (from < to) return { range: [from, to] };
  const asked = query.get("span");
  const found = spans.choices.find(({ ms }) => asked === spanText(ms));
  return found && found.ms !== spans.chosen ? { span: found.ms } : {};
}

/** Keeps the address at what is shown; the span that is shown anyway is not said. */
export function linkTime(range, span, spans) {
  clearTimeout(pending);
  pending = setTimeout(() => {
    const url = new URL(location.href);
    for (const name of NAMES) url.searchParams.delete(name);
    if (range) ["from", "to"].forEach((name, i) => url.searchParams.set(name, new Date(range[i]).toISOString()));
    else if (span !== null && span !== spans.chosen) url.searchParams.set("span", spanText(span));
    if (url.href !== location.href) history.replaceState(history.state, "", url);
  }, SETTLED_MS);
}

const spanText = (ms) => (ms ? String(ms / 1000) : "all");
