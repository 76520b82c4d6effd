-- wrk script: asks for the paths of a file (first argument) in turn. With a number of connections as second argument, each
-- path is asked for once, and the run ends when every connection has its last answer. One thread only (-t1), so that the
-- order is the file's. Prints one line, "banc {…}", with durations in microseconds.
local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int pid, int signal);")
local SIGINT = 2
local FOREVER_MS = 1000000

local requests, turn, tried = {}, 0, false

-- Called before each request: gives out the turns, then keeps the connections that have none waiting.
local function once(connections)
   local given, waiting = 0, 0
   return function()
      given = given + 1
      if given <= #requests then
         return 0
      end
      waiting = waiting + 1
      if waiting == connections then
         -- Stops this thread at once, and wakes the main one, which otherwise sleeps for the whole duration.
         wrk.thread:stop()
         ffi.C.kill(ffi.C.getpid(), SIGINT)
      end
      return FOREVER_MS
   end
end

function init(args)
   for path in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format("GET", path)
   end
   if args[2] then
      delay = once(tonumber(args[2]))
   end
end

function request()
   if not tried then
      tried = true -- wrk first asks for one request only to look at it
      return requests[1]
   end
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local e = summary.errors
   io.write(string.format(
      'banc {"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %d, "p99_us": %d, "failures": %d, "refusals": %d}\n',
      summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
      e.connect + e.read + e.write + e.timeout, e.status))
end
