// The dialog of the columns: add, hide, and put in order by pointer or keyboard.
import { format, gettext } from "../lib/i18n.js";

class ColumnPicker extends HTMLElement {
  connectedCallback() {
    this.dialog = this.closest("dialog");
    this.list = this.querySelector("ol");
    this.input = this.querySelector("input[list]");
    this.dialog.addEventListener("toggle", () => this.dialog.open && this.open());
    this.list.addEventListener("keydown", this.key);
    this.list.addEventListener("click", this.hide);
    this.list.addEventListener("pointerdown", this.drag);
    this.input.addEventListener("change", () => this.add());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.add();
    });
    this.querySelector("[data-apply]").addEventListener("click", () => this.apply(this.keys()));
    this.querySelector("[data-usual]").addEventListener("click", () => this.apply([]));
  }

  keys() {
    return [...this.list.children].map((row) => row.dataset.key);
  }

  // The table says which columns there are now.
  async open() {
    const heads = [...document.querySelectorAll(".runs-table th[data-column]")];
    const shown = heads.map((head) => head.dataset.column).filter((key) => key !== "name");
    this.list.replaceChildren(...shown.map((key) => this.row(key)));
    if (this.names) return;
    const answer = await fetch(this.dataset.names, { redirect: "error" }).catch(() => null);
    if (answer?.ok) this.offer(await answer.json());
  }

  offer(names) {
    this.names = names;
    const figures = ["last", "min", "max", "count"].flatMap((name) =>
      names.metrics.map((metric) => `${name}(${metric})`),
    );
    const keys = [...names.columns.map(({ key }) => key), ...figures, ...names.paths];
    const options = keys.map((key) => {
      const option = document.createElement("option");
      option.value = key;
      return option;
    });
    this.querySelector("datalist").replaceChildren(...options);
  }

  row(key) {
    const row = document.createElement("li");
    row.dataset.key = key;
    row.append(
      button("column-handle", "⠿", format(gettext("Move {name}"), { name: key })),
      Object.assign(document.createElement("span"), { textContent: key }),
      button("column-hide", "×", format(gettext("Hide {name}"), { name: key })),
    );
    return row;
  }

  add() {
    const key = this.input.value.trim();
    this.input.value = "";
    if (!key || this.keys().includes(key)) return;
    const row = this.row(key);
    this.list.append(row);
    row.scrollIntoView({ block: "nearest" });
  }

  hide = ({ target }) => {
    const row = target.closest(".column-hide")?.closest("li");
    if (!row) return;
    const near = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (near?.querySelector(".column-hide") ?? this.input).focus();
  };

  key = (event) => {
    const handle = event.target.closest(".column-handle");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!handle || !step) return;
    event.preventDefault();
    const row = handle.closest("li");
    if (step < 0) row.previousElementSibling?.before(row);
    else row.nextElementSibling?.after(row);
    handle.focus();
  };

  drag = (event) => {
    const handle = event.target.closest(".column-handle");
    if (!handle) return;
    event.preventDefault();
    handle.focus();
    const row = handle.closest("li");
    const move = ({ clientY }) => {
      const others = [...this.list.children].filter((one) => one !== row);
      const below = others.find((one) => {
        const { top, height } = one.getBoundingClientRect();
        return clientY < top + height / 2;
      });
      if (below) below.before(row);
      else this.list.append(row);
    };
    const drop = () => {
      row.classList.remove("dragged");
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", drop);
      removeEventListener("pointercancel", drop);
    };
    row.classList.add("dragged");
    addEventListener("pointermove", move);
    addEventListener("pointerup", drop);
    addEventListener("pointercancel", drop);
  };

  apply(keys) {
    this.dialog.close();
    const url = new URL(document.querySelector("live-runs").dataset.url, location.href);
    url.searchParams.delete("page");
    if (keys.length) url.searchParams.set("columns", keys.join(","));
    else url.searchParams.delete("columns");
    htmx.ajax("GET", url.pathname + url.search, { target: "#runs-list" });
  }
}

function button(name, text, label) {
  const found = document.createElement("button");
  Object.assign(found, { type: "button", className: name, textContent: text });
  found.setAttribute("aria-label", label);
  return found;
}

customElements.define("column-picker", ColumnPicker);
