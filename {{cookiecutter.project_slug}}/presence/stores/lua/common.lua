-- What every script shares: the clock, the keys and the rule for the state that a person shows.
-- ARGV: 1 key prefix, 2 grace and 3 window in milliseconds; the scripts' own follow.
--
-- procs            ZSET  process -> end of its lease
-- p:PROCESS        SET   entries: room|user|connection, or =topic|user|connection for a view
-- pa:PROCESS       SET   those of them that are away
-- w:PROCESS=TOPIC  HASH  user -> connections that show them the topic
-- r:ROOM           HASH  user -> connections
-- ra:ROOM          HASH  user -> connections that are away
-- on:ROOM          ZSET  user -> user: who shows in the room, in the order of its pages
-- away:ROOM        SET   who of them shows as away
-- leaving          ZSET  room|user -> when their grace ends
-- visibility       ZSET  user -> how often they changed it; odd: appears offline
-- ch:ROOM          SET   users whose state in the room is to be announced
-- changed          ZSET  room -> when to announce it
-- v:ROOM           version

local PREFIX, GRACE, WINDOW = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local VERSION_SECONDS = 7 * 24 * 3600
local TIME = redis.call('TIME')
local NOW = TIME[1] * 1000 + math.floor(TIME[2] / 1000)
local call = redis.call
local wake = 0

local function key(kind, name)
  return PREFIX .. kind .. name
end

-- Versions begin at the clock, so that they rise even when Redis has lost the last one. They count
-- microseconds, so that a later one is higher; a double holds them exactly.
local function version(room)
  local current = call('GET', key('v:', room))
  if current then return tonumber(current) end
  local first = TIME[1] * 1000000 + TIME[2]
  call('SET', key('v:', room), string.format('%.0f', first), 'EX', VERSION_SECONDS)
  return first
end

local function holds_lease(process)
  return tonumber(call('ZSCORE', key('procs', ''), process) or 0) > NOW
end

-- On most sites nobody hides: then one query serves all.
local nobody_hides = call('EXISTS', key('visibility', '')) == 0

local function hidden(user)
  if nobody_hides then return false end
  return (call('ZSCORE', key('visibility', ''), user) or 0) % 2 == 1
end

local changed = {}

local function change(room, user)
  call('SADD', key('ch:', room), user)
  if changed[room] then return end
  changed[room] = true
  if call('ZADD', key('changed', ''), 'NX', NOW + WINDOW, room) == 1 then wake = 1 end
end

local function show(room, user, away)
  call('ZADD', key('on:', room), user, user)
  call(away and 'SADD' or 'SREM', key('away:', room), user)
  change(room, user)
end

local function vanish(room, user)
  call('ZREM', key('on:', room), user)
  call('SREM', key('away:', room), user)
  change(room, user)
end

local function all_away(room, user, connections)
  return tonumber(call('HGET', key('ra:', room), user) or 0) >= connections
end

-- Make the state that shows agree with the connections: a higher state at once; a lower one at once
-- too or, when `patient`, after the grace unless the person comes back before.
-- A caller that knows `connections` passes it. A grace runs only for somebody who shows.
local function settle(room, user, patient, connections)
  connections = connections or tonumber(call('HGET', key('r:', room), user) or 0)
  if hidden(user) then connections, patient = 0, false end

  if not call('ZSCORE', key('on:', room), user) then
    if connections > 0 then show(room, user, all_away(room, user, connections)) end
    return
  end

  local pair = room .. '|' .. user
  if connections == 0 then
    if patient then return call('ZADD', key('leaving', ''), NOW + GRACE, pair) end
    vanish(room, user)
  else
    local away = all_away(room, user, connections)
    if away ~= (call('SISMEMBER', key('away:', room), user) == 1) then
      if away and patient then return call('ZADD', key('leaving', ''), NOW + GRACE, pair) end
      show(room, user, away)
    end
  end
  call('ZREM', key('leaving', ''), pair)
end

local function count(kind, room, user, step)
  local now = call('HINCRBY', key(kind, room), user, step)
  if now <= 0 then call('HDEL', key(kind, room), user) end
  return now
end

-- A topic that a connection views stands in its entry where a room would, after "=".
local function is_view(room)
  return string.sub(room, 1, 1) == '='
end

-- Undo one connection's part in a room, or its view; `entry` has been taken out of its process's set.
local function drop(process, entry, room, user)
  if is_view(room) then return count('w:', process .. room, user, -1) end
  if call('SREM', key('pa:', process), entry) == 1 then count('ra:', room, user, -1) end
  settle(room, user, true, count('r:', room, user, -1))
end
