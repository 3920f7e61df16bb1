// Sends files in pieces, one after another, and goes on where the hub says it is. Knows no DOM.

export class UploadRefused extends Error {}

const RETRIES = 6;

// `put(url, blob)` resolves to {status, body}; `wait(n)` waits before the nth repetition.
// `onProgress(sent, total)` in bytes. Throws UploadRefused where trying again is no use.
export async function upload({ files, urls, pieceBytes, put, wait, onProgress, signal }) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let before = 0;
  for (const [index, file] of files.entries()) {
    let offset = 0;
    let failures = 0;
    while (offset < file.size) {
      if (signal?.aborted) throw signal.reason;
      const piece = file.slice(offset, offset + pieceBytes);
      const answer = await attempt(() => put(`${urls[index]}?offset=${offset}`, piece));
      if (answer.received !== undefined && answer.received !== offset) {
        offset = answer.received;
        failures = 0;
        onProgress(before + offset, total);
      } else if (answer.refused) {
        throw new UploadRefused(answer.refused);
      } else {
        if (++failures > RETRIES) throw new Error("no connection");
        await wait(failures);
      }
    }
    before += file.size;
  }
}

// What the hub has by now (also where it says that we are ahead of or behind it), or its refusal,
// or nothing where it may work the next time.
async function attempt(send) {
  let answer;
  try {
    answer = await send();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return {};
  }
  const { status, body } = answer;
  if (status === 200 || status === 409) return { received: body.received };
  if (status >= 500 || status === 429) return {};
  return { refused: body.error ?? `${status}` };
}
