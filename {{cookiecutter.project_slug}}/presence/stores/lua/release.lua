-- End a lease; the next sweep removes its entries. ARGV: 4 process.
if call('EXISTS', key('p:', ARGV[4])) == 1 then
  call('ZADD', key('procs', ''), 'XX', 0, ARGV[4])
else
  call('ZREM', key('procs', ''), ARGV[4])
end
return 1
