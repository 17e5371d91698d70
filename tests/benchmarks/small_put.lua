-- wrk: PUT of 4 KB to a new path each, no two contents alike. Arguments: token, prefix of the paths.
local sent = 0
function init(arguments)
  token, prefix = arguments[1], arguments[2]
  math.randomseed(os.time())
  local bytes = {}
  for i = 1, 4096 - 24 do bytes[i] = string.char(math.random(0, 255)) end
  rest = table.concat(bytes)
end
function request()
  sent = sent + 1
  local body = string.format("%016x%08d", math.random(0, 2 ^ 30), sent) .. rest
  local path = "/spaces/main/files/" .. prefix .. "/" .. math.floor(sent / 1000) .. "/" .. sent
  return wrk.format("PUT", path, {["Authorization"] = "Bearer " .. token}, body)
end
