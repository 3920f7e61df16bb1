// What the browser keeps for the next page: it may have been told to keep nothing, and then throws.
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Then it holds for this page alone.
  }
}
