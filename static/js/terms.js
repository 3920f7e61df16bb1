// A term explains itself where it stands: links with data-term open its definition beside them, on
// every page and in parts that come in later. Without this they lead to the term's own page.
import { element } from "./element.js";
import { gettext } from "./lib/i18n.js";
import { place } from "./lib/placing.js";
import { queryOf } from "./lib/term-query.js";

const WORD = "a[data-term]";
const ANCHORED = CSS.supports("position-area", "block-end span-inline-end");

function button(className, text, act) {
  const made = element("button", `button quiet small ${className}`, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

class TermPopover {
  // The texts of the terms that were opened, by slug.
  #texts = new Map();
  // The terms that were gone through, the one shown last.
  #path = [];
  // The word it stands beside, and the one on which a press began while it stood there.
  #word = null;
  #pressed = null;

  constructor() {
    this.panel = element("div", "term-popover");
    this.panel.popover = "auto";
    this.panel.tabIndex = -1;
    this.panel.setAttribute("role", "dialog");
    this.body = element("div", "term-body");
    this.told = element("p", "visually-hidden");
    this.told.setAttribute("role", "status");
    this.back = button("term-back", gettext("Back"), () => this.#goBack());
    this.close = button("term-close", gettext("Close"), () => this.panel.hidePopover());
    const bar = element("div", "term-bar");
    bar.append(this.back, this.close);
    this.panel.append(this.told, this.body, bar);
    this.panel.addEventListener("toggle", this.#toggled);
    // What the page does with keys is not meant here.
    this.panel.addEventListener("keydown", (event) => event.stopPropagation());
  }

  get isOpen() {
    return this.panel.matches(":popover-open");
  }

  // Before the press, which closes what is open, has become a click.
  press(word) {
    this.#pressed = this.isOpen && word === this.#word ? word : null;
  }

  choose(word) {
    if (this.panel.contains(word)) {
      this.#path.push(word.dataset.term);
      this.#show();
    } else if (word !== this.#pressed) this.#open(word);
    else if (this.isOpen) this.panel.hidePopover();
    this.#pressed = null;
  }

  #open(word) {
    if (this.isOpen) this.panel.hidePopover();
    this.#stand(word);
    this.#path = [word.dataset.term];
    // What lies outside of a dialog cannot be reached while that is open.
    (word.closest("dialog[open]") ?? document.body).append(this.panel);
    this.panel.showPopover();
    this.#show();
  }

  #stand(word) {
    this.#word?.style.removeProperty("anchor-name");
    this.#word = word;
    word.style.setProperty("anchor-name", "--term");
    word.setAttribute("aria-expanded", "true");
  }

  #goBack() {
    this.#path.pop();
    this.#show();
  }

  async #show() {
    const slug = this.#path.at(-1);
    this.back.hidden = this.#path.length < 2;
    if (!this.#texts.has(slug)) this.#waits();
    const text = await this.#text(slug);
    if (slug !== this.#path.at(-1) || !this.isOpen) return;
    this.panel.removeAttribute("aria-busy");
    if (text === null) this.#fail(slug);
    else this.#tell(text);
    this.#place();
  }

  #waits() {
    const text = gettext("Loading the definition…");
    this.panel.setAttribute("aria-busy", "true");
    this.#name(this.#word.getAttribute("aria-label") ?? this.#word.textContent);
    this.body.replaceChildren(element("p", "muted", text));
    this.told.textContent = text;
    this.#focus();
    this.#place();
  }

  async #text(slug) {
    if (this.#texts.has(slug)) return this.#texts.get(slug);
    try {
      const answer = await fetch(`/reference/glossary/${slug}/short/`, { redirect: "manual" });
      if (!answer.ok) return null;
      this.#texts.set(slug, await answer.text());
      return this.#texts.get(slug);
    } catch {
      return null;
    }
  }

  #tell(text) {
    // Of the hub's own template.
    this.body.innerHTML = text;
    this.panel.removeAttribute("aria-label");
    this.panel.setAttribute("aria-labelledby", "term-title");
    this.told.textContent = this.body.querySelector("[data-short]").textContent;
    this.#aim();
    this.#focus();
  }

  // What can be tried begins with the values of the page: data-term-query names its recipe or run.
  #aim() {
    const link = this.body.querySelector("[data-try]");
    const values = new Map(new FormData(this.#word.closest("form") ?? undefined));
    const around = this.#word.closest("[data-term-query]")?.dataset.termQuery ?? "";
    if (link) link.search = queryOf(around, values);
  }

  #fail(slug) {
    const text = gettext("The definition could not be loaded.");
    const link = element("a", "", gettext("Open the page of the term"));
    link.href = `/reference/glossary/${slug}/`;
    this.body.replaceChildren(element("p", "", text), link);
    this.#name(text);
    this.told.textContent = text;
    this.#focus();
  }

  #name(text) {
    this.panel.removeAttribute("aria-labelledby");
    this.panel.setAttribute("aria-label", text.trim());
  }

  #focus() {
    this.panel.scrollTop = 0;
    this.panel.focus({ preventScroll: true });
  }

  #place = () => {
    if (ANCHORED || !this.isOpen) return;
    const header = document.querySelector(".site-header")?.getBoundingClientRect().bottom ?? 0;
    const size = { width: this.panel.offsetWidth, height: this.panel.offsetHeight };
    const view = { width: document.documentElement.clientWidth, height: innerHeight, top: header };
    const { left, top } = place(this.#word.getBoundingClientRect(), size, view);
    this.panel.style.left = `${left}px`;
    this.panel.style.top = `${top}px`;
  };

  #toggled = ({ newState }) => {
    const follow = newState === "open" ? addEventListener : removeEventListener;
    follow("scroll", this.#place, { capture: true, passive: true });
    follow("resize", this.#place);
    if (newState === "open") return;
    this.#word.removeAttribute("aria-expanded");
    const { activeElement } = document;
    if (activeElement === document.body || this.panel.contains(activeElement)) this.#giveBack();
  };

  // The word may have been swapped for another one of its term meanwhile.
  #giveBack() {
    const { term } = this.#word.dataset;
    const same = document.querySelector(`${WORD}[data-term="${CSS.escape(term)}"]`);
    (this.#word.isConnected ? this.#word : same)?.focus({ preventScroll: true });
  }
}

const supported = "popover" in HTMLElement.prototype;
const popover = supported && new TermPopover();
const isPlain = ({ button: pressed, ctrlKey, metaKey, shiftKey, altKey }) =>
  !pressed && !ctrlKey && !metaKey && !shiftKey && !altKey;

function clicked(event) {
  const word = event.target.closest?.(WORD);
  if (!word || event.defaultPrevented || !isPlain(event)) return;
  event.preventDefault();
  popover.choose(word);
}

function pressed(event) {
  if (event.key !== " " || !event.target.matches?.(WORD)) return;
  event.preventDefault();
  event.target.click();
}

if (supported) {
  document.addEventListener("pointerdown", ({ target }) => popover.press(target.closest?.(WORD)), true);
  document.addEventListener("click", clicked);
  document.addEventListener("keydown", pressed, true);
}
