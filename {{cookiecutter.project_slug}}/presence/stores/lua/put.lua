-- Put visits in order; answer whether there is something to announce, or -1: the lease has expired.
-- ARGV: 4 process, then the visits as JSON.
if not holds_lease(ARGV[4]) then return -1 end
for index = 5, table.getn(ARGV) do put(ARGV[4], cjson.decode(ARGV[index]), ARGV[index]) end
return wake
