// What every page does.

import "./passwords.js";
import "./themes.js";
import "./toasts.js";
