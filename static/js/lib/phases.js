// What a job says it is doing, in the reader's language.
import { gettext } from "./i18n.js";

const PHASES = {
  copying: () => gettext("Copying the files"),
  downloading: () => gettext("Downloading"),
  reading: () => gettext("Reading the rows"),
  counting: () => gettext("Counting"),
  looking: () => gettext("Looking at the split and the benchmarks"),
  comparing: () => gettext("Comparing the rows"),
  showing: () => gettext("Fetching examples"),
  measuring: () => gettext("Measuring the rows"),
  writing: () => gettext("Writing the new version"),
  learning: () => gettext("Learning the tokenizer"),
  tokenizing: () => gettext("Tokenizing"),
  fitting: () => gettext("Fitting to the runs"),
  export_verifying: () => gettext("Verifying the model's files"),
  export_writing: () => gettext("Writing the new form"),
  export_original: () => gettext("Measuring the original"),
  export_comparing: () => gettext("Measuring the export"),
};

export function doing(state, phase) {
  if (state === "queued") return gettext("Waiting for a worker");
  if (state !== "running") return gettext("Finishing");
  return PHASES[phase]?.() ?? gettext("Starting");
}
