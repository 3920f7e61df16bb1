// Tabs over panels that stand one below the other without this script. The address names the open one.
class TabSet extends HTMLElement {
  connectedCallback() {
    this.tabs = [...this.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) {
      const panel = this.panelOf(tab);
      tab.id = `tab-${panel.id}`;
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("aria-labelledby", tab.id);
    }
    this.showNamed = () => this.show(this.named() ?? this.tabs[0]);
    this.addEventListener("click", this.choose);
    this.addEventListener("keydown", this.move);
    addEventListener("hashchange", this.showNamed);
    this.showNamed();
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.choose);
    this.removeEventListener("keydown", this.move);
    removeEventListener("hashchange", this.showNamed);
  }

  panelOf(tab) {
    return this.querySelector(tab.getAttribute("href"));
  }

  named() {
    return this.tabs.find((tab) => tab.getAttribute("href") === location.hash);
  }

  choose(event) {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    event.preventDefault();
    // Not location.hash: that would scroll to the panel.
    history.replaceState(null, "", tab.getAttribute("href"));
    this.show(tab);
  }

  move(event) {
    const place = this.tabs.indexOf(event.target);
    const steps = { ArrowRight: 1, ArrowLeft: -1 };
    if (place < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = this.tabs.at((place + steps[event.key]) % this.tabs.length);
    next.focus();
    next.click();
  }

  show(chosen) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      this.panelOf(tab).hidden = tab !== chosen;
    }
  }
}

customElements.define("tab-set", TabSet);
