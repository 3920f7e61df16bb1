// What every page does: theme switch, menus that close, times that stay true, terms that explain
// themselves.
import "./elements/copy-button.js";
import "./elements/search-palette.js";
import "./elements/theme-toggle.js";
import { relativeTime } from "./lib/format.js";
import "./terms.js";

const openMenus = () => document.querySelectorAll("details:is(.menu, .hint)[open]");

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of openMenus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// <button data-opens="id"> opens a dialog; a form with data-closes-dialog closes the one it is in.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-closes-dialog]")) event.target.closest("dialog").close();
});

function refreshTimes() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = relativeTime(now - Date.parse(time.dateTime), time.dateTime);
  }
}

setInterval(refreshTimes, 30_000);
