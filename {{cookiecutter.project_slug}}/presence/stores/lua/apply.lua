-- Make changes in order; answer whether there is something to announce, or -1: the lease has expired.
-- ARGV: 4 process; then for each change: verb, user, connection, away, visibility, how many rooms,
-- the rooms (for a view: one topic, after "=").

local PROCESS = ARGV[4]
if not holds_lease(PROCESS) then return -1 end

local function set_visibility(user, visibility)
  if visibility == '0' then return end
  call('ZADD', key('visibility', ''), 'GT', visibility, user)
  nobody_hides = false
end

local verbs = {}

function verbs.join(room, user, entry, away)
  if call('SADD', key('p:', PROCESS), entry) == 0 then return end
  if away == '1' and call('SADD', key('pa:', PROCESS), entry) == 1 then
    count('ra:', room, user, 1)
  end
  settle(room, user, true, count('r:', room, user, 1))
end

function verbs.leave(room, user, entry)
  if call('SREM', key('p:', PROCESS), entry) == 1 then drop(PROCESS, entry, room, user) end
end

function verbs.set_away(room, user, entry, away)
  if call('SISMEMBER', key('p:', PROCESS), entry) == 0 then return end
  if call(away == '1' and 'SADD' or 'SREM', key('pa:', PROCESS), entry) == 1 then
    count('ra:', room, user, away == '1' and 1 or -1)
    settle(room, user, false)
  end
end

function verbs.set_visibility(room, user)
  settle(room, user, false)
end

function verbs.view(topic, user, entry)
  if call('SADD', key('p:', PROCESS), entry) == 1 then count('w:', PROCESS .. topic, user, 1) end
end

local at = 5
while ARGV[at] do
  local verb, user, connection, away, visibility = unpack(ARGV, at, at + 4)
  local rooms = tonumber(ARGV[at + 5])
  set_visibility(user, visibility)
  for index = at + 6, at + 5 + rooms do
    local room = ARGV[index]
    verbs[verb](room, user, room .. '|' .. user .. '|' .. connection, away)
  end
  at = at + 6 + rooms
end
return wake
