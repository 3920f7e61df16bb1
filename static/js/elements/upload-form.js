// The form of a new dataset: shows what belongs to the chosen origin, takes files that are dropped
// on it, and sends them in pieces with a bar, so that a lost connection costs one piece.
import { bytes } from "../lib/format.js";
import { format, gettext } from "../lib/i18n.js";
import { upload, UploadRefused } from "../lib/upload.js";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class UploadForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.input = this.querySelector("input[type=file]");
    this.form.addEventListener("change", () => this.showOrigin());
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.querySelector("[data-stop]").addEventListener("click", () => this.abort?.abort());
    const zone = this.querySelector(".drop");
    zone.addEventListener("dragover", (event) => this.hover(event, zone, true));
    zone.addEventListener("dragleave", (event) => this.hover(event, zone, false));
    zone.addEventListener("drop", (event) => this.drop(event, zone));
    this.leaving = (event) => this.abort && event.preventDefault();
    addEventListener("beforeunload", this.leaving);
    this.showOrigin();
  }

  disconnectedCallback() {
    removeEventListener("beforeunload", this.leaving);
  }

  get origin() {
    return this.form.querySelector("[name=origin]:checked")?.value ?? "upload";
  }

  showOrigin() {
    for (const part of this.querySelectorAll("[data-origin]")) {
      part.hidden = part.dataset.origin !== this.origin;
    }
    this.listFiles();
  }

  listFiles() {
    const list = this.querySelector("[data-files]");
    const files = [...this.input.files];
    list.hidden = files.length < 2;
    list.replaceChildren(
      ...files.map((file) => {
        const item = document.createElement("li");
        const name = document.createElement("bdi");
        name.textContent = file.name;
        item.append(name, ` · ${bytes(file.size)}`);
        return item;
      }),
    );
    this.suggestName(files);
  }

  // A name that nobody has typed follows the file.
  suggestName(files) {
    const name = this.form.querySelector("[name=name]");
    if (!name || !files.length || (name.value && name.value !== this.suggested)) return;
    const [stem] = files[0].name.split(".");
    this.suggested = stem.replaceAll(/[_-]+/g, " ").trim();
    name.value = this.suggested;
  }

  hover(event, zone, isOver) {
    event.preventDefault();
    zone.classList.toggle("over", isOver);
  }

  drop(event, zone) {
    this.hover(event, zone, false);
    if (!event.dataTransfer.files.length) return;
    this.input.files = event.dataTransfer.files;
    this.showOrigin();
  }

  async submit(event) {
    const files = [...this.input.files];
    if (this.origin !== "upload" || !files.length) return;
    event.preventDefault();
    if (this.abort) return;
    this.abort = new AbortController();
    this.busy(true);
    try {
      const plan = await this.begin(files);
      if (plan) await this.send(files, plan);
    } catch (error) {
      this.fail(error);
    } finally {
      this.abort = null;
      this.busy(false);
    }
  }

  // What the hub answers to the form without the bytes: where they go, or the form with its errors.
  async begin(files) {
    const data = new FormData(this.form);
    data.delete(this.input.name);
    const sizes = files.map((file) => ({ name: file.name, bytes: file.size }));
    data.set("announced", JSON.stringify(sizes));
    const answer = await fetch(this.form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: data,
    });
    if (answer.ok && answer.headers.get("Content-Type").startsWith("application/json")) {
      return answer.json();
    }
    this.showErrors(await answer.text());
    return null;
  }

  async send(files, plan) {
    const { signal } = this.abort;
    const headers = this.csrf();
    const put = async (url, body) => {
      const answer = await fetch(url, { method: "PUT", headers, body, signal });
      const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
      return { status: answer.status, body: isJson ? await answer.json() : {} };
    };
    const onProgress = (sent, total) => this.progress(sent, total);
    try {
      const wait = (n) => pause(500 * 2 ** n);
      const { pieceBytes } = plan;
      await upload({ files, urls: plan.files, pieceBytes, put, wait, onProgress, signal });
      await fetch(plan.go, { method: "POST", headers, redirect: "manual" });
      this.abort = null;
      location.assign(plan.page);
    } catch (error) {
      const quiet = { ...headers, Accept: "application/json" };
      await fetch(plan.discard, { method: "POST", headers: quiet }).catch(() => {});
      throw error;
    }
  }

  csrf() {
    return { "X-CSRFToken": this.form.querySelector("[name=csrfmiddlewaretoken]").value };
  }

  progress(sent, total) {
    this.querySelector("[data-progress] progress").value = total ? sent / total : 1;
    const text = format(gettext("{sent} of {total}"), { sent: bytes(sent), total: bytes(total) });
    this.querySelector("[data-amount]").textContent = text;
  }

  busy(isBusy) {
    this.querySelector("[data-progress]").hidden = !isBusy;
    this.querySelector("[data-stop]").hidden = !isBusy;
    this.querySelector("[data-submit]").disabled = isBusy;
    this.querySelector("[data-doing]").textContent = gettext("Uploading");
    if (isBusy) this.progress(0, this.total());
  }

  total() {
    return [...this.input.files].reduce((sum, file) => sum + file.size, 0);
  }

  fail(error) {
    const stopped = error.name === "AbortError";
    const reason = error instanceof UploadRefused ? error.message : gettext("The connection broke.");
    const text = stopped ? gettext("The upload was stopped; nothing was kept.") : reason;
    this.notice(text, stopped ? "" : "error");
  }

  notice(text, kind) {
    const notice = document.createElement("p");
    notice.className = `notice ${kind}`;
    notice.setAttribute("role", "alert");
    notice.textContent = text;
    this.querySelector("[data-errors]").replaceChildren(notice);
  }

  // The page that the hub would have shown has the reasons; the chosen files stay in this one.
  showErrors(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const errors = page.querySelector("[data-errors]");
    if (!errors?.children.length) {
      this.notice(gettext("The hub could not take this. Try again in a moment."), "error");
      return;
    }
    this.querySelector("[data-errors]").replaceChildren(...errors.childNodes);
    this.querySelector("#errors")?.focus();
  }
}

customElements.define("upload-form", UploadForm);
