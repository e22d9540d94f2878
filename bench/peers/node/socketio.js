// Rooms on Socket.IO with its Redis adapter, as its documentation sets it up.
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server({ adapter: createAdapter(publisher, subscriber), transports: ["websocket"] });

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("message", (text) => io.to(room).emit("message", text));
});

io.listen(Number(process.env.PORT));
