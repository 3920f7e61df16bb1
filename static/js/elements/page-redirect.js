// Part of what a page fetched again: what it waited for stands on another page now.
class PageRedirect extends HTMLElement {
  connectedCallback() {
    location.replace(this.dataset.url);
  }
}

customElements.define("page-redirect", PageRedirect);
