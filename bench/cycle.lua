-- wrk -s cycle.lua URL -- FILE: asks for the paths in FILE, one a line, in turn; ends with one line of JSON.

local requests = {}
local at = 0

function init(args)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "us": %d, "bytes": %d, "bad": %d, "median_us": %d, "p99_us": %d}\n',
    summary.requests, summary.duration, summary.bytes, bad, latency:percentile(50), latency:percentile(99)
  ))
end
