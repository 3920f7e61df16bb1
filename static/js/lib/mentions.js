// An @ that is being typed, and the names that it may become.

const MOST = 6;

// What stands between the last @ before the cursor and the cursor, or null.
export function typed(text, cursor) {
  const before = text.slice(0, cursor);
  const at = before.lastIndexOf("@");
  if (at < 0 || (at > 0 && /[\p{L}\p{N}]/u.test(before[at - 1]))) return null;
  const begun = before.slice(at + 1);
  return begun.includes("\n") || begun.length > 60 ? null : { at, begun };
}

// Those whose name, or a later word of it, begins so.
export function fitting(handles, begun) {
  const wanted = begun.toLocaleLowerCase();
  const fits = (handle) => {
    const name = handle.toLocaleLowerCase();
    return name.startsWith(wanted) || name.split(/\s+/).some((word) => word.startsWith(wanted));
  };
  return handles.filter(fits).slice(0, MOST);
}

// The text with the name in place of what was typed, and where the cursor is then.
export function completed(text, cursor, at, handle) {
  const head = `${text.slice(0, at)}@${handle} `;
  return { text: head + text.slice(cursor).replace(/^ /, ""), cursor: head.length };
}
