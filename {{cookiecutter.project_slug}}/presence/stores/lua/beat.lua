-- Renew a lease, or answer -1: it has expired. ARGV: 4 process, 5 lease in milliseconds.
if not holds_lease(ARGV[4]) then return -1 end
call('ZADD', key('procs', ''), NOW + ARGV[5], ARGV[4])
return call('HLEN', key('p:', ARGV[4]))
