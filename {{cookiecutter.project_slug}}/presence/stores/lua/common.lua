-- What every script shares: the clock, the keys and the rule for the state that a person shows.
-- ARGV: 1 key prefix, 2 grace and 3 window in milliseconds; the scripts' own follow.
--
-- procs            ZSET  process -> end of its lease
-- p:PROCESS        HASH  connection -> its visit as JSON (see `Visit` in Python)
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

-- The rooms that a visit counts in, each with whether it is away there.
local function places(visit)
  local rooms = {}
  if visit and not visit.ended then
    for _, room in ipairs(visit.rooms or {}) do rooms[room] = visit.away or false end
  end
  return rooms
end

local function turn(user, visibility)
  if not visibility then return false end
  nobody_hides = false
  return call('ZADD', key('visibility', ''), 'GT', 'CH', string.format('%.0f', visibility), user) == 1
end

local function move(room, user, before, now, turned)
  local step = (now ~= nil and 1 or 0) - (before ~= nil and 1 or 0)
  local away_step = (now and 1 or 0) - (before and 1 or 0)
  if step == 0 and away_step == 0 and not turned then return end
  if away_step ~= 0 then count('ra:', room, user, away_step) end
  settle(room, user, step ~= 0, step ~= 0 and count('r:', room, user, step) or nil)
end

-- Replace what is known of a connection of `process`; `json` is the visit encoded.
local function put(process, visit, json)
  local user, connection = string.format('%.0f', visit.user), visit.connection
  local known = call('HGET', key('p:', process), connection)
  known = known and cjson.decode(known)
  if visit.ended then
    call('HDEL', key('p:', process), connection)
  else
    call('HSET', key('p:', process), connection, json)
  end

  local viewed, viewing = known and known.viewing, not visit.ended and visit.viewing
  if viewed ~= viewing then
    if viewed then count('w:', process .. '=' .. viewed, user, -1) end
    if viewing then count('w:', process .. '=' .. viewing, user, 1) end
  end

  local before, now, turned = places(known), places(visit), turn(user, visit.visibility)
  for room, away in pairs(now) do move(room, user, before[room], away, turned) end
  for room, away in pairs(before) do
    if now[room] == nil then move(room, user, away, nil, turned) end
  end
end
