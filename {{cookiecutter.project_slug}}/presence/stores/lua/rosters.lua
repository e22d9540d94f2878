-- Read the first people of each room. ARGV: 4 how many, then the rooms.
-- Answers for each room {version, size, {user, away, ...}}.

local limit = tonumber(ARGV[4])
local rosters = {}

for index = 5, table.getn(ARGV) do
  local room, people = ARGV[index], {}
  for _, user in ipairs(limit > 0 and call('ZRANGE', key('on:', room), 0, limit - 1) or {}) do
    table.insert(people, user)
    table.insert(people, call('SISMEMBER', key('away:', room), user))
  end
  local size = call('ZCARD', key('on:', room))
  table.insert(rosters, { string.format('%.0f', version(room)), size, people })
end
return rosters
