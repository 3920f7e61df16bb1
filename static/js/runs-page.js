// The elements of the pages with rows of runs.
import "./elements/column-picker.js";
import "./elements/filter-field.js";
import "./elements/live-runs.js";
import "./elements/run-picker.js";
import "./elements/run-sparkline.js";
