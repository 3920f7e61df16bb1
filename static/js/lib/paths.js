// Addresses of what the pages of curves ask the hub for.
export const marksPath = (runs) => `/compare/marks/?runs=${runs.join(",")}`;

// Of a note pinned to a run, or of all of them.
export function notePath(run, id = null, verb = null) {
  return [`/runs/${Number(run)}/step-notes/`, id !== null && `${Number(id)}/`, verb && `${verb}/`].filter(Boolean).join("");
}
