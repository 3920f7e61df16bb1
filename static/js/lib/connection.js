// What is said of the connections behind a page's charts.
import { gettext } from "./i18n.js";

const FROM_BAD_TO_GOOD = ["offline", "connecting", "refused", "live"];

export const worst = (states) =>
  FROM_BAD_TO_GOOD.find((state) => states.includes(state)) ?? "connecting";

export const connectionText = (state) =>
  ({
    connecting: gettext("connecting…"),
    live: gettext("live"),
    offline: gettext("reconnecting…"),
    refused: gettext("no longer available"),
  })[state];
