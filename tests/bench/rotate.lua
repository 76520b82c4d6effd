-- wrk script: asks for the paths of a file (first argument) in turn. With "once" as second argument it stops at the end of
-- the list, so that no path is asked twice. One thread only (-t1), so that the order is the file's.
-- Prints one line, "banc {…}", with durations in microseconds.
local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int pid, int signal);")
local SIGINT = 2

local requests, turn, once = {}, 0, false

function init(args)
   once = args[2] == "once"
   for path in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", path)
   end
end

function request()
   turn = turn + 1
   if turn > #requests then
      if once then
         -- Stops this thread at once, and wakes the main one, which otherwise sleeps for the whole duration.
         wrk.thread:stop()
         ffi.C.kill(ffi.C.getpid(), SIGINT)
      end
      turn = once and #requests or 1
   end
   return requests[turn]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      'banc {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, "failures": %d, "refusals": %d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.timeout, e.status))
end
