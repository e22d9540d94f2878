// What a page of another site imports, and one of this site that has no connection yet: see docs/clients.md.

export { Feed } from "./feed.js";
export { Outbox } from "./outbox.js";
export { RequestError, Socket } from "./socket.js";
export { Topic } from "./topic.js";
