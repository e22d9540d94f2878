-- Read the rooms' versions. ARGV: 4 and on, the rooms.
local versions = {}
for index = 4, table.getn(ARGV) do
  table.insert(versions, string.format('%.0f', version(ARGV[index])))
end
return versions
