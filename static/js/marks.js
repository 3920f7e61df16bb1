// What happened in runs at a step: checkpoints, samples, and the notes that people pin there.
import { element } from "./element.js";
import { format, gettext, locale } from "./lib/i18n.js";
import { marksPath, notePath } from "./lib/paths.js";

function button(text, work, className = "button small") {
  const made = element("button", className, text);
  made.type = "button";
  made.addEventListener("click", work);
  return made;
}

export class Marks {
  #byRun = new Map();
  #closed = false;

  // `host` names the runs that the person may write on: data-writable.
  constructor(host, runs, onChange) {
    Object.assign(this, { host, runs, onChange });
    this.writable = new Set((host.dataset.writable ?? "").split(",").filter(Boolean).map(Number));
    this.load();
  }

  close() {
    this.#closed = true;
  }

  of(run) {
    return this.#byRun.get(run) ?? [];
  }

  async load() {
    if (!this.runs.length) return;
    const headers = { Accept: "application/json" };
    const answer = await fetch(marksPath(this.runs), { headers }).catch(() => null);
    if (this.#closed || !answer?.ok) return;
    const { runs } = await answer.json();
    this.#byRun = new Map(runs.map(({ run, marks }) => [run, marks]));
    this.onChange();
  }

  // Into a crosshair's readout that a person holds: their ways to write notes at this place.
  addTo(panel, { marks, lines, x, stepOf }) {
    const notes = marks.filter(({ kind, run }) => kind === "note" && this.writable.has(run));
    for (const note of notes) {
      panel.append(
        element(
          "div",
          "row note-actions",
          element("span", "muted small truncate", note.text),
          button(gettext("Change"), () => this.#ask(note)),
          button(gettext("Remove"), () => this.#send(note.run, { id: note.id, verb: "remove" })),
        ),
      );
    }
    const choices = lines.filter(({ run }) => this.writable.has(run));
    if (!choices.length) return;
    const pin = () => this.#ask({ choices: choices.map((line) => ({ ...line, step: stepOf(line, x) })) });
    panel.append(button(gettext("Pin a note here"), pin));
  }

  // A dialog for a new note (with the runs it could be pinned to) or for one that is changed.
  #ask({ choices = null, run, id, text = "", step }) {
    const dialog = element("dialog", "note-dialog");
    const area = element("textarea", "");
    area.maxLength = 2000;
    area.required = true;
    area.value = text;
    area.rows = 4;
    area.setAttribute("aria-label", gettext("Note"));
    const select = choices && this.#select(choices);
    const title = choices ? gettext("Pin a note") : format(gettext("Note at step {step}"), { step: step.toLocaleString(locale()) });
    const cancel = button(gettext("Cancel"), () => dialog.close(), "button quiet");
    const save = element("button", "button primary", gettext("Save"));
    const error = element("p", "error");
    const fields = [element("h2", "", title), ...(select ? [select] : []), area, error];
    const form = element("form", "form stack tight", ...fields, element("div", "row", save, cancel));
    form.method = "dialog";
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const choice = choices?.[Number(select?.value ?? 0)];
      const data = { text: area.value, step: String(choice?.step ?? step) };
      error.textContent = await this.#send(choice?.run ?? run, { id, data });
      if (!error.textContent) dialog.close();
    });
    dialog.append(form);
    dialog.addEventListener("close", () => dialog.remove());
    this.host.append(dialog);
    dialog.showModal();
    area.focus();
  }

  #select(choices) {
    const select = element("select", "");
    select.setAttribute("aria-label", gettext("Run"));
    choices.forEach(({ name, step }, place) => {
      const text = format(gettext("{name}, step {step}"), { name, step: step.toLocaleString(locale()) });
      select.append(new Option(text, place));
    });
    return select;
  }

  // What is wrong, in words; "" where nothing is.
  async #send(run, { id = null, verb = null, data = {} }) {
    const headers = JSON.parse(document.body.getAttribute("hx-headers"));
    const body = new URLSearchParams(data);
    const answer = await fetch(notePath(run, id, verb), { method: "POST", headers, body }).catch(() => null);
    if (!answer?.ok) {
      const said = await answer?.json().catch(() => null);
      return said?.error ?? gettext("The hub did not take it. Try again.");
    }
    await this.load();
    return "";
  }
}
