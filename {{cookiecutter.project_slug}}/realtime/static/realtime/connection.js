// The connection of this page: every module that imports it shares one socket.

import { keepConnected } from "./lifecycle.js";
import { Socket } from "./socket.js";

export const socket = new Socket("/ws/");

keepConnected(socket);
