// The elements of a run's page.
import "./elements/live-fragment.js";
import "./elements/run-charts.js";
import "./elements/run-log.js";
import "./elements/run-status.js";
import "./elements/tab-set.js";
import "./samples.js";
