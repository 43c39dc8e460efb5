-- wrk's script: each request of a file in turn, a number of its own in every place of the mark.
-- Arguments: the file (requests with NUL between them), the first number. One line of JSON at the end.
local pieces, number = {}, 0
local MARK = string.rep("@", 16)

function init(args)
  number = tonumber(args[2])
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("[^%z]+") do
    local cut, start = {}, 1
    while true do
      local at, stop = request:find(MARK, start, true)
      if not at then break end
      cut[#cut + 1] = request:sub(start, at - 1)
      start = stop + 1
    end
    cut[#cut + 1] = request:sub(start)
    pieces[#pieces + 1] = cut
  end
  file:close()
end

function request()
  number = number + 1
  return table.concat(pieces[number % #pieces + 1], string.format("%016d", number))
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
