// Byte-pair merges on the text that a person types, one at a time.
import { element } from "../element.js";
import { Bpe, LONGEST } from "../lib/bpe.js";
import { figure, whole } from "../lib/format.js";
import { format, gettext, ngettext } from "../lib/i18n.js";
import { visible } from "../lib/visible.js";

const BEAT_MS = 700;
const SHOWN_PAIRS = 6;
// Neighbouring tokens take turns; their edges tell them apart without the colour.
const SHADES = 4;

class BpeDemo extends HTMLElement {
  connectedCallback() {
    this.text = this.querySelector("textarea");
    this.text.addEventListener("input", () => this.begin());
    this.addEventListener("click", this.clicked);
    this.begin();
  }

  disconnectedCallback() {
    this.pause();
  }

  button(act) {
    return this.querySelector(`[data-act="${act}"]`);
  }

  clicked = ({ target }) => {
    const act = target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    if (act !== "play") this.pause();
    this[act]();
  };

  begin() {
    this.pause();
    this.bpe = new Bpe(this.text.value);
    const cut = this.querySelector("[data-cut]");
    cut.hidden = !this.bpe.isCut;
    cut.textContent = format(gettext("Only the first {n} characters are used."), { n: whole(LONGEST) });
    this.show(gettext("At the start every byte is a token."));
  }

  again() {
    this.begin();
  }

  step() {
    const merge = this.bpe.step();
    this.show(merge ? this.told(merge) : gettext("No pair occurs twice any more: nothing is left to merge."));
    return merge;
  }

  back() {
    this.bpe.back();
    const last = this.bpe.merges.at(-1);
    this.show(last ? this.told(last) : gettext("At the start every byte is a token."));
  }

  all() {
    while (this.bpe.step());
    const text = ngettext("{n} merge, then no pair occurs twice.", "{n} merges, then no pair occurs twice.", this.bpe.merges.length);
    this.show(format(text, { n: whole(this.bpe.merges.length) }));
  }

  play() {
    if (this.timer) return this.pause();
    this.timer = setInterval(() => this.step() ?? this.pause(), BEAT_MS);
    this.button("play").textContent = gettext("Pause");
    return this.step() ?? this.pause();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.button("play").textContent = gettext("Play");
  }

  told({ id, left, right, count }) {
    const first = this.bpe.merges[id - 256].ties > 1;
    const why = first
      ? gettext("Merge {n}: {left} + {right} becomes {both}, {count} times: of the pairs as frequent it comes first.")
      : gettext("Merge {n}: {left} + {right} becomes {both}, {count} times: no pair is more frequent.");
    const [a, b, both] = [left, right, id].map((token) => `“${this.written(token)}”`);
    return format(why, { n: id - 255, left: a, right: b, both, count });
  }

  written(id) {
    const { text, bytes } = this.bpe.shown(id);
    return text === undefined ? bytes : visible(text);
  }

  show(said) {
    this.querySelector("[data-said]").textContent = said;
    this.showTokens();
    this.showPairs();
    this.showVocabulary();
    this.showFigures();
  }

  token(id, className = "") {
    const made = element("code", `token ${className}`, this.written(id));
    if (this.bpe.shown(id).text === undefined) made.classList.add("bytes");
    return made;
  }

  showTokens() {
    let at = 0;
    const last = this.bpe.merges.at(-1)?.id;
    const made = this.bpe.words.flatMap((word) => [
      ...word.map((id) => this.token(id, `shade-${(at += 1) % SHADES}${id === last ? " new" : ""}`)),
      document.createElement("wbr"),
    ]);
    this.querySelector("[data-tokens]").replaceChildren(...made);
  }

  showPairs() {
    const pairs = this.bpe.pairs();
    this.querySelector("[data-no-pairs]").hidden = pairs.length > 0;
    const rows = pairs.slice(0, SHOWN_PAIRS).map(({ left, right, count }, place) => {
      const head = element("th", "", this.token(left), " + ", this.token(right));
      head.scope = "row";
      const next = place ? [] : [element("span", "badge accent", gettext("next"))];
      return element("tr", "", head, element("td", "num", whole(count)), element("td", "", ...next));
    });
    this.querySelector("[data-pairs]").replaceChildren(...rows);
  }

  showVocabulary() {
    const made = this.bpe.merges.map(({ id }) => element("li", "", this.token(id)));
    this.querySelector("[data-vocabulary]").replaceChildren(...made);
  }

  showFigures() {
    const { count, characters, vocabulary, merges } = this.bpe;
    const texts = {
      tokens: whole(count),
      ratio: count ? figure(characters / count, 3) : "–",
      vocabulary: format(gettext("256 bytes + {n}"), { n: whole(vocabulary - 256) }),
    };
    for (const [name, text] of Object.entries(texts)) {
      this.querySelector(`[data-figure="${name}"]`).textContent = text;
    }
    this.able("back", merges.length > 0);
    const isOver = !this.bpe.pairs().length;
    for (const act of ["step", "all", "play"]) this.able(act, !isOver);
  }

  // A button that is pressed keeps the keyboard: it says that it does nothing now.
  able(act, may) {
    this.button(act).setAttribute("aria-disabled", String(!may));
  }
}

customElements.define("bpe-demo", BpeDemo);
