// A list of runs: choosing one adds it to the comparison, and keeps the rest of the view.
class AddRun extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", this.add);
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.add);
  }

  add(event) {
    const { value } = event.target;
    if (!value) return;
    const url = new URL(location.href);
    const runs = [this.dataset.runs, value].filter(Boolean).join(",");
    url.searchParams.set("runs", runs);
    location.assign(url.href.replaceAll("%2C", ","));
  }
}

customElements.define("add-run", AddRun);
