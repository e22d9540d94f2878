-- Begin a lease. ARGV: 4 process, 5 lease in milliseconds.
call('ZADD', key('procs', ''), NOW + ARGV[5], ARGV[4])
return 1
