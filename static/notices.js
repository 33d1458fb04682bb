// The bell: how many alerts wait to be acknowledged, in the page and in the tab's title; cards of the newest ones;
// sound and desktop notices for those who switch them on, in this browser alone.

const SETTINGS = ["sound", "desktop"];
const MOST_ASIDE = 200;
const LABELS = { sound: "Sound", desktop: "Desktop notice" };
const TITLES = {
  sound: "In this browser. After a reload it may stay silent until the page is clicked.",
  desktop: "In this browser, if it allows notices from this address.",
};
const HTML = `
  <button class="statarb-bell" type="button" aria-haspopup="true" aria-expanded="false">
    <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path fill="currentColor"
      d="M12 22a2 2 0 0 0 2-2h-4a2 2 0 0 0 2 2zm6-6v-5a6 6 0 0 0-5-5.9V4a1 1 0 0 0-2 0v1.1A6 6 0 0 0 6 11v5l-2 2v1h16v-1z"/></svg>
    <span class="statarb-count"></span>
  </button>
  <div class="statarb-feed">
    <span class="statarb-health"></span>
    <span class="statarb-simulated" title="Trades made by the exchange in a box." hidden>SIMULATED</span>
  </div>
  <div class="statarb-menu" hidden></div>
  <div class="statarb-cards" role="status" aria-live="polite"></div>`;

const stored = (name) => localStorage.getItem(`statarb.${name}`);
const store = (name, value) => localStorage.setItem(`statarb.${name}`, value);

/** Names of the cards that this browser does not show any more; they still wait for the desk. */
const putAside = () => JSON.parse(stored("aside") ?? "[]");

/** An element with its class and its text; text is never taken for HTML. */
function element(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function beep() {
  const audio = (window.statarbAudio ??= new AudioContext());
  audio.resume();
  const [tone, volume] = [audio.createOscillator(), audio.createGain()];
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.15, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.5);
}

class Bell {
  constructor(host) {
    host.innerHTML = HTML;
    [this.button, this.feed, this.menu, this.cards] = host.children;
    [this.health, this.simulated] = this.feed.children;
    this.count = this.button.querySelector(".statarb-count");
    this.button.onclick = () => this.open(this.menu.hidden);
    // Without a value: a handler that returns false would swallow the key, Tab among them.
    host.onkeydown = (event) => {
      if (event.key === "Escape") this.open(false);
    };
    this.list = element("a", "statarb-list");
    this.menu.append(this.list, ...SETTINGS.map((name) => this.setting(name)), element("p", "statarb-hint"));
    this.hint = this.menu.lastChild;
    // Every page writes its own title when it is opened.
    new MutationObserver(() => this.title()).observe(document.head, { childList: true, subtree: true, characterData: true });
  }

  open(wanted) {
    this.menu.hidden = !wanted;
    this.button.setAttribute("aria-expanded", String(wanted));
  }

  /** A switch that this browser remembers. */
  setting(name) {
    const label = element("label", "statarb-setting", LABELS[name]);
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: stored(name) === "on" });
    label.title = TITLES[name];
    label.prepend(box);
    box.onchange = async () => {
      if (box.checked && name === "sound") beep();
      if (box.checked && name === "desktop" && (await this.permission()) !== "granted") box.checked = false;
      store(name, box.checked ? "on" : "off");
    };
    return label;
  }

  async permission() {
    const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
    this.hint.textContent = answer === "granted" ? "" : "This browser does not allow notices from this address.";
    return answer;
  }

  show(data, answer) {
    const words = data.count === 1 ? "1 alert waits" : `${data.count} alerts wait`;
    this.button.setAttribute("aria-label", data.count ? `${words} to be acknowledged` : "No alert waits");
    this.button.title = this.button.getAttribute("aria-label");
    this.count.textContent = data.count || "";
    this.list.textContent = data.count ? `${words}: open Alerts` : "Open Alerts";
    this.list.href = new URL(`alerts${location.search}`, document.baseURI).href;
    this.simulated.hidden = !data.simulated;
    this.health.textContent = data.feed?.text ?? "";
    this.health.title = data.feed?.detail ?? "";
    this.health.dataset.state = data.feed?.state ?? "";
    this.waiting = data.count;
    this.title();
    this.announce(data);
    const cards = data.cards.filter(({ id }) => !putAside().includes(id));
    const drawn = JSON.stringify([cards, data.more]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.cards.replaceChildren(...cards.map((card) => this.card(card, () => this.show(data, answer), answer)));
    if (cards.length > 1) {
      const rest = data.more ? ` (${data.more} more)` : "";
      const all = element("button", "statarb-all", `Acknowledge all${rest}`);
      Object.assign(all, { type: "button", onclick: () => answer("all") });
      this.cards.append(all);
    }
  }

  card({ id, head, text, when, link }, redraw, answer) {
    const card = element("div", "statarb-card");
    const aside = Object.assign(element("button", "statarb-aside", "\u00d7"), { type: "button", title: "Put aside, here only" });
    aside.setAttribute("aria-label", "Put aside, in this browser only");
    aside.onclick = () => {
      store("aside", JSON.stringify([...putAside(), id].slice(-MOST_ASIDE)));
      redraw();
    };
    const seen = Object.assign(element("button", "statarb-seen", "Acknowledge"), { type: "button" });
    seen.onclick = () => answer(id);
    const view = element("a", "statarb-view", "Open this view");
    if (link) view.href = new URL(link, document.baseURI).href;
    const foot = element("div", "statarb-foot");
    foot.append(element("span", "", when), ...(link ? [view] : []), seen);
    card.append(aside, element("b", "", head), element("div", "", text), foot);
    return card;
  }

  /** The tab says how many wait: `(2) statarb`. */
  title() {
    const plain = document.title.replace(/^\(\d+\) /, "");
    const wanted = this.waiting ? `(${this.waiting}) ${plain}` : plain;
    if (document.title !== wanted) document.title = wanted;
  }

  /** Sound and notice, once for all tabs of this browser, and not for what was there when the page was opened. */
  announce({ newest, cards }) {
    const first = this.newest === undefined;
    const isNew = !first && newest > this.newest;
    this.newest = Math.max(newest, this.newest ?? 0);
    const name = cards[0]?.id ?? String(newest);
    if (!isNew || stored("noticed") === name) return;
    store("noticed", name);
    if (stored("sound") === "on") beep();
    if (stored("desktop") === "on" && "Notification" in window && Notification.permission === "granted" && cards[0]) {
      new Notification(cards[0].head, { body: cards[0].text, tag: `statarb-${newest}` });
    }
  }
}

let bell; // one a page: it stays when Streamlit builds the page anew

export function mount({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".statarb-place");
  if (!bell) {
    bell = { host: element("div", "statarb-notices") };
    bell.drawing = new Bell(bell.host);
  }
  if (bell.host.parentNode !== place) place.replaceChildren(bell.host);
  bell.drawing.show(data, (seen) => setTriggerValue("seen", seen));
  return () => {};
}
