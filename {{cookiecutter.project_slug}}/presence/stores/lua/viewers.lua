-- Read who views each topic, under leases that have not expired. ARGV: 4 and on, the topics.
-- Answers for each topic its users, separated by spaces: one string is faster to read than a list.

local processes = call('ZRANGE', key('procs', ''), '(' .. NOW, '+inf', 'BYSCORE')
local topics = {}

for index = 4, table.getn(ARGV) do
  local users = {}
  for _, process in ipairs(processes) do
    for _, user in ipairs(call('HKEYS', key('w:', process .. '=' .. ARGV[index]))) do
      table.insert(users, user)
    end
  end
  table.insert(topics, table.concat(users, ' '))
end
return topics
