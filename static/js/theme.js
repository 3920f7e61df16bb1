// A classic script in <head>: sets the chosen theme before the first paint.
(() => {
  let chosen;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // The browser keeps nothing for this site: as the system is set.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
