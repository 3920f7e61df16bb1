// A list of the project's people under a text in which somebody types an @.
import { completed, fitting, typed } from "./lib/mentions.js";

export function completeMentions(root) {
  const source = document.getElementById("handles");
  if (!source) return;
  const handles = JSON.parse(source.textContent);
  const list = new MentionList();
  root.addEventListener("input", (event) => {
    if (isMentioning(event.target)) list.offer(event.target, handles);
  });
  root.addEventListener("focusout", () => list.close());
  root.addEventListener("keydown", (event) => {
    if (list.field === event.target && list.press(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, true);
}

const isMentioning = (field) => field.matches?.("textarea[data-mentions]");

class MentionList {
  field = null;

  offer(field, handles) {
    this.close();
    const found = typed(field.value, field.selectionStart);
    const names = found ? fitting(handles, found.begun) : [];
    if (!names.length || (names.length === 1 && names[0] === found.begun.trimEnd())) return;
    Object.assign(this, { field, at: found.at, names, chosen: 0 });
    this.node = document.createElement("ul");
    this.node.className = "mention-list";
    this.node.id = "mention-list";
    this.node.setAttribute("role", "listbox");
    this.node.append(...names.map((name, index) => this.option(name, index)));
    field.after(this.node);
    field.setAttribute("aria-controls", this.node.id);
    this.choose(0);
  }

  option(name, index) {
    const option = document.createElement("li");
    option.setAttribute("role", "option");
    option.id = `mention-${index}`;
    option.textContent = name;
    // Before the field loses the keyboard.
    option.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.take(index);
    });
    return option;
  }

  choose(index) {
    this.chosen = (index + this.names.length) % this.names.length;
    [...this.node.children].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === this.chosen));
    });
    this.field.setAttribute("aria-activedescendant", `mention-${this.chosen}`);
  }

  // Whether the key was for the list.
  press(key) {
    if (key === "ArrowDown") this.choose(this.chosen + 1);
    else if (key === "ArrowUp") this.choose(this.chosen - 1);
    else if (key === "Enter" || key === "Tab") this.take(this.chosen);
    else if (key === "Escape") this.close();
    else return false;
    return true;
  }

  take(index) {
    const { field, at } = this;
    const made = completed(field.value, field.selectionStart, at, this.names[index]);
    field.value = made.text;
    field.setSelectionRange(made.cursor, made.cursor);
    this.close();
  }

  close() {
    this.node?.remove();
    this.field?.removeAttribute("aria-controls");
    this.field?.removeAttribute("aria-activedescendant");
    this.field = null;
  }
}
