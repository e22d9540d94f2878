-- Take what is due to be announced.
-- ARGV: 4 the most people in one announcement, 5 the most announcements.
-- Answers the time, then for each announcement {room, version, size, {user, state, ...}}.

local PEOPLE, left = tonumber(ARGV[4]), tonumber(ARGV[5])
local announcements = { string.format('%.0f', NOW) }

local function state(room, user)
  if not call('ZSCORE', key('on:', room), user) then return 'offline' end
  return call('SISMEMBER', key('away:', room), user) == 1 and 'away' or 'online'
end

local function take(room)
  local people = {}
  for _, user in ipairs(call('SPOP', key('ch:', room), PEOPLE)) do
    table.insert(people, user)
    table.insert(people, state(room, user))
  end
  if call('EXISTS', key('ch:', room)) == 0 then call('ZREM', key('changed', ''), room) end
  if people[1] then
    local next_version = version(room) + 1
    call('SET', key('v:', room), string.format('%.0f', next_version), 'EX', VERSION_SECONDS)
    local size = call('ZCARD', key('on:', room))
    table.insert(announcements, { room, string.format('%.0f', next_version), size, people })
  end
end

for _, room in ipairs(call('ZRANGE', key('changed', ''), '-inf', NOW, 'BYSCORE', 'LIMIT', 0, left)) do
  repeat
    take(room)
    left = left - 1
  until left <= 0 or not call('ZSCORE', key('changed', ''), room)
end
return announcements
