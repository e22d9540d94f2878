// Rooms on bare ws: one process, no layer between servers.
import { WebSocketServer } from "ws";

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });

server.on("connection", (socket, request) => {
  const room = rooms.get(request.url) ?? new Set();
  rooms.set(request.url, room.add(socket));
  socket.on("message", (text) => {
    for (const member of room) member.send(text, { binary: false });
  });
  socket.on("close", () => room.delete(socket));
});
