-- Read a page of each room's people. ARGV: 4 after which user, 5 how many, then the rooms.
-- Answers for each room {version, size, more, {user, away, ...}}.

local limit = tonumber(ARGV[5])
local rosters = {}

for index = 6, table.getn(ARGV) do
  local room, people, more = ARGV[index], {}, 0
  local users = call('ZRANGE', key('on:', room), '(' .. ARGV[4], '+inf', 'BYSCORE', 'LIMIT', 0, limit + 1)
  for place, user in ipairs(users) do
    if place > limit then
      more = 1
    else
      table.insert(people, user)
      table.insert(people, call('SISMEMBER', key('away:', room), user))
    end
  end
  local current = string.format('%.0f', version(room))
  table.insert(rosters, { current, call('ZCARD', key('on:', room)), more, people })
end
return rosters
