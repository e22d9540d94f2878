-- Remove the visits of expired leases, and people whose grace is over.
-- ARGV: 4 about how many people to remove from rooms at most. Answers: more, wake.

local left = tonumber(ARGV[4])

local function end_visits(process)
  local visits = call('HRANDFIELD', key('p:', process), left, 'WITHVALUES')
  for index = 2, table.getn(visits), 2 do
    if left <= 0 then return end
    local visit = cjson.decode(visits[index])
    visit.ended = true
    put(process, visit)
    left = left - math.max(table.getn(visit.rooms or {}), 1)
  end
end

for _, process in ipairs(call('ZRANGE', key('procs', ''), '-inf', NOW, 'BYSCORE')) do
  if left > 0 then end_visits(process) end
  if call('EXISTS', key('p:', process)) == 0 then call('ZREM', key('procs', ''), process) end
end

if left > 0 then
  local due = call('ZRANGE', key('leaving', ''), '-inf', NOW, 'BYSCORE', 'LIMIT', 0, left)
  for _, pair in ipairs(due) do
    call('ZREM', key('leaving', ''), pair)
    local room, user = string.match(pair, '^([^|]*)|(.*)$')
    settle(room, user, false)
    left = left - 1
  end
end

return { left <= 0 and 1 or 0, wake }
