// A checklist under the hands of several people: acts are done in a dialog that no update touches,
// keys lead from item to item, and what a colleague has changed is shown and read out.
import { gettext } from "../lib/i18n.js";
import { changed, step } from "../lib/check-list.js";
import { refreshPart } from "../page-part.js";
import { completeMentions } from "../mentions.js";

const FRESH_MS = 2500;

class CheckList extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("#act");
    this.fragment = this.querySelector("live-fragment");
    this.known = this.told();
    this.addEventListener("click", this.clicked);
    this.addEventListener("submit", this.submitted);
    this.addEventListener("part-refreshed", this.refreshed);
    this.addEventListener("focusin", this.stand);
    this.addEventListener("pointerdown", this.stand);
    this.dialog?.addEventListener("close", this.standAgain);
    document.addEventListener("keydown", this.pressed);
    addEventListener("beforeprint", this.unfold);
    completeMentions(this);
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.pressed);
    removeEventListener("beforeprint", this.unfold);
  }

  items() {
    return [...this.querySelectorAll("[data-item]")];
  }

  // What changes

  told() {
    return new Map(this.items().map((item) => [item.id, item.dataset.told]));
  }

  refreshed = () => {
    const now = this.told();
    const news = changed(this.known, now);
    this.known = now;
    for (const id of news) this.mark(document.getElementById(id));
    if (news.length) this.say(news.map((id) => now.get(id)).join(". "));
    this.standAgain();
  };

  // Where the keyboard is: a button that has done its work goes away, and so does what had the
  // keyboard before a dialog, while an update comes in behind it.
  stand = ({ target }) => {
    if (!this.dialog?.contains(target)) this.place = target.closest("[data-item]")?.id;
  };

  standAgain = () => {
    if (document.activeElement !== document.body || !this.place) return;
    document.getElementById(this.place)?.focus({ preventScroll: true });
  };

  mark(item) {
    item.classList.add("just-changed");
    setTimeout(() => item.classList.remove("just-changed"), FRESH_MS);
  }

  say(text) {
    this.querySelector("[data-told-here]").textContent = text;
  }

  // Acts

  clicked = (event) => {
    const link = event.target.closest("a[data-act]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.open(link.href);
    }
    if (event.target.closest("[data-cancel]")) this.dialog.close();
  };

  async open(url) {
    const answer = await this.ask(url);
    if (!answer?.ok) return;
    this.dialog.innerHTML = await answer.text();
    this.dialog.showModal();
    this.focusFirst();
  }

  focusFirst() {
    const wrong = this.dialog.querySelector("[aria-invalid=true], #errors");
    const first = this.dialog.querySelector(".field :is(textarea, input, select)");
    (wrong ?? first)?.focus();
  }

  submitted = (event) => {
    const form = event.target;
    const isAct = form.classList.contains("act-form") && this.dialog;
    if (!isAct && !("stays" in form.dataset) && !("press" in form.dataset)) return;
    event.preventDefault();
    if (form.busy) return;
    form.busy = true;
    this.send(form).finally(() => {
      form.busy = false;
    });
  };

  async send(form) {
    const answer = await this.ask(form.action, { method: "POST", body: new FormData(form) });
    if (!answer) return;
    if (answer.status === 422 && this.dialog) {
      this.dialog.innerHTML = await answer.text();
      if (!this.dialog.open) this.dialog.showModal();
      this.focusFirst();
      return;
    }
    if (!answer.ok) return;
    if (this.dialog.contains(form)) this.dialog.close();
    if ("stays" in form.dataset) form.reset();
    await refreshPart(this.fragment);
  }

  // Says what went wrong, where something did that no form can tell.
  async ask(url, options = {}) {
    const headers = { "HX-Request": "true" };
    try {
      const answer = await fetch(url, { ...options, headers });
      if (answer.ok || answer.status === 422) return answer;
      this.fail(await reason(answer));
    } catch {
      this.fail(gettext("There is no connection to the hub. Try again in a moment."));
    }
    return null;
  }

  fail(text) {
    this.say(text);
    const place = this.dialog.open ? this.dialog : document.getElementById("messages");
    const notice = document.createElement(this.dialog.open ? "p" : "li");
    notice.className = "notice error";
    notice.textContent = text;
    place.prepend(notice);
  }

  // Keys

  pressed = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, dialog[open]") || document.querySelector("dialog[open]")) return;
    const done = event.key === "?" ? this.help() : this.move(event) || this.actOn(event);
    if (done) event.preventDefault();
  };

  help() {
    document.getElementById("checklist-keys").showModal();
    return true;
  }

  // The item that has the keyboard, or whose part has it.
  current() {
    return document.activeElement?.closest?.("[data-item]");
  }

  move({ key, target }) {
    const items = this.items();
    const isArrow = key.startsWith("Arrow");
    // The arrows scroll the page until somebody stands on an item.
    if (isArrow && !target.matches?.("[data-item]")) return false;
    const at = items.indexOf(this.current());
    const next = step(key, at, items.map((item) => "mine" in item.dataset));
    if (next === null) return false;
    items[next].focus({ preventScroll: true });
    items[next].scrollIntoView({ block: "nearest" });
    return true;
  }

  actOn({ key, target }) {
    const item = this.current();
    if (!item) return false;
    if (key === "Enter" && target === item) return this.fold(item);
    const place = key === "g" ? item.closest(".checklist-group") : item;
    const control = place.querySelector(`[data-key="${CSS.escape(key)}"]`);
    control?.click();
    return Boolean(control);
  }

  fold(item) {
    const details = item.querySelector("details");
    details.open = !details.open;
    return true;
  }

  unfold = () => {
    for (const details of this.querySelectorAll("details")) details.open = true;
  };
}

async function reason(answer) {
  // What stands against it, in the words of the hub.
  if (answer.status === 409) return answer.text();
  if (answer.status === 403) return gettext("You may not do this.");
  return gettext("The hub could not do this. Load the page again.");
}

customElements.define("check-list", CheckList);
