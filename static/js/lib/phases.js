// What a job says it is doing, in the reader's language.
import { gettext } from "./i18n.js";

const PHASES = {
  copying: () => gettext("Copying the files"),
  downloading: () => gettext("Downloading"),
  reading: () => gettext("Reading the rows"),
  measuring: () => gettext("Measuring the rows"),
  duplicates: () => gettext("Looking for duplicates"),
  leakage: () => gettext("Comparing validation with training"),
  examples: () => gettext("Fetching examples"),
  writing: () => gettext("Writing the new version"),
  learning: () => gettext("Learning the tokenizer"),
  tokenizing: () => gettext("Tokenizing"),
  verifying: () => gettext("Verifying"),
};

export function doing(state, phase) {
  if (state === "queued") return gettext("Waiting for a worker");
  if (state !== "running") return gettext("Finishing");
  return PHASES[phase]?.() ?? gettext("Starting");
}
