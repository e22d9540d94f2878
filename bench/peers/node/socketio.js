// Rooms on Socket.IO with its Redis adapter, as its documentation sets it up. With KEEPS, messages are rows of
// PostgreSQL first, and a socket that comes with `page` gets what the page of a room shows.
import { createAdapter } from "@socket.io/redis-adapter";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";

const publisher = createClient({ url: process.env.REDIS_URL });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server({ adapter: createAdapter(publisher, subscriber), transports: ["websocket"] });
const pool = process.env.KEEPS && new pg.Pool({ connectionString: process.env.DATABASE_URL });
const rows = async (text, ...values) => (await pool.query(text, values)).rows;

io.on("connection", async (socket) => {
  const { room, person, page } = socket.handshake.query;
  socket.join(room);
  socket.on("message", async (text) => {
    if (pool) await rows("INSERT INTO chat_message (room, body, created_at) VALUES ($1, $2, now())", room, text);
    io.to(room).emit("message", text);
  });
  if (!page) return;
  const shown = await readPage(room, person);
  socket.join([`user:${person}`, ...shown.rooms.map((mine) => mine.room)]);
  socket.emit("page", shown);
});

/** Reads what the tutorial's `read_page` does. */
async function readPage(room, person) {
  return {
    rooms: await rows(
      `SELECT room, (SELECT body FROM chat_message said WHERE said.room = mine.room ORDER BY id DESC LIMIT 1) AS last,
         (SELECT count(*) FROM chat_message said WHERE said.room = mine.room AND id > mine.last_read) AS unread
       FROM chat_membership mine WHERE user_id = $1`,
      person,
    ),
    notifications: await rows("SELECT id, body FROM chat_notification WHERE user_id = $1 ORDER BY id DESC LIMIT 20", person),
    unread: await rows("SELECT count(*) FROM chat_notification WHERE user_id = $1 AND NOT is_read", person),
    members: await rows(
      `SELECT auth_user.id, username FROM chat_membership JOIN auth_user ON auth_user.id = user_id
       WHERE room = $1 LIMIT 100`,
      room,
    ),
    here: await rows(
      `SELECT room, user_id FROM chat_membership
       WHERE room IN (SELECT room FROM chat_membership WHERE user_id = $1)`,
      person,
    ),
  };
}

io.listen(Number(process.env.PORT));
