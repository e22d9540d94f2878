-- Remove the entries of expired leases, and people whose grace is over.
-- ARGV: 4 the most that one call deals with. Answers: more, wake, quiet.

local left = tonumber(ARGV[4])

for _, process in ipairs(call('ZRANGE', key('procs', ''), '-inf', NOW, 'BYSCORE')) do
  for _, entry in ipairs(left > 0 and call('SPOP', key('p:', process), left) or {}) do
    local room, user = string.match(entry, '^([^|]*)|([^|]*)|')
    drop(process, entry, room, user)
    left = left - 1
  end
  if call('EXISTS', key('p:', process)) == 0 then
    call('ZREM', key('procs', ''), process)
    call('DEL', key('pa:', process))
  end
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

local quiet = call('EXISTS', key('leaving', ''), key('changed', '')) == 0
return { left <= 0 and 1 or 0, wake, quiet and 1 or 0 }
