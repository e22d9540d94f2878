// What every page does.

import "./passwords.js";
import "./themes.js";
import "./toasts.js";

if (document.querySelector("[data-feed]")) import("../realtime/feed-list.js");
