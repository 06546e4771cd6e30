--[[
  Links whose records have a match key, by their ids on side 0.

  KEYS[1]  see lib.lua
  ARGV[1]  requests (msgpack): match keys joined, each of 8 bytes
  Answers per request and key the ids, at most MOST + 1 of them.
]]
-- @include lib
local MOST = 10

local function has(id, wanted)
  local keys = keysOf(call('HGET', base .. 'link', id))
  for i = 1, #keys, 8 do
    if sub(keys, i, i + 7) == wanted then return true end
  end
  return false
end

local answers = {}
for i, keys in ipairs(cmsgpack.unpack(ARGV[1])) do
  local found = {}
  for at = 1, #keys, 8 do
    local ids, key = {}, sub(keys, at, at + 7)
    for id in string.gmatch(getIn(base, 'linked', sub(key, 1, BEGINNING)) or '', '[^%z]+') do
      if #ids > MOST then break end
      if has(id, key) then ids[#ids + 1] = id end
    end
    found[#found + 1] = ids
  end
  answers[i] = found
end
return answers
