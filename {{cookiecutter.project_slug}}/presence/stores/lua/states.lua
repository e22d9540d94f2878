-- Read how people show in any of several rooms.
-- ARGV: 4 how many rooms, the rooms, then the users. Answers a state for each user.

local rooms = tonumber(ARGV[4])
local states = {}

for index = 5 + rooms, table.getn(ARGV) do
  local user, state = ARGV[index], 'offline'
  for place = 5, 4 + rooms do
    local room = ARGV[place]
    if call('ZSCORE', key('on:', room), user) then
      if call('SISMEMBER', key('away:', room), user) == 0 then
        state = 'online'
        break
      end
      state = 'away'
    end
  end
  table.insert(states, state)
end
return states
