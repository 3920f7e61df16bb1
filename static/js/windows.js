// Windows of curves from the hub.
const PATH = "/metrics/window/";

export class WindowFailed extends Error {
  constructor(status, isGone) {
    super(`${status}`);
    this.isGone = isGone;
  }
}

export function windowUrl({ runs, ...query }) {
  const url = new URL(PATH, location.href);
  for (const [key, value] of Object.entries({ runs: runs.join(","), ...query })) {
    if (value !== null && value !== undefined) url.searchParams.set(key, value);
  }
  return url;
}

export async function loadWindow(query) {
  const headers = { Accept: "application/msgpack" };
  const answer = await fetch(windowUrl(query), { headers, redirect: "manual" });
  const isGone = answer.type === "opaqueredirect" || [401, 403, 404].includes(answer.status);
  if (isGone || !answer.ok) throw new WindowFailed(answer.status, isGone);
  return answer.arrayBuffer();
}
