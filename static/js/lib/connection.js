// What is said of the connection behind a page's charts.
import { gettext } from "./i18n.js";

export const connectionText = (state) =>
  ({
    connecting: gettext("connecting…"),
    live: gettext("live"),
    offline: gettext("reconnecting…"),
    refused: gettext("no longer available"),
  })[state];
