// The elements of the comparison.
import "./elements/add-run.js";
import "./elements/live-runs.js";
import "./elements/run-comparison.js";
import "./elements/run-scatter.js";
