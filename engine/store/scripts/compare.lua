--[[
  Which of these records are not as they were last handled.

  KEYS[1]  see lib.lua
  ARGV     side, hashes of the raw records joined, ids...
  Answers the positions, from 0, of those whose raw record was another one.
]]
-- @include lib
local side, raws = ARGV[1], ARGV[2]
local ids = {}
for i = 3, #ARGV do ids[#ids + 1] = ARGV[i] end
local firsts, values = linksOf(side, ids)
local at = L.raw[tonumber(side) + 1]
local hasEntries = call('HEXISTS', base .. 'sizes', 'unlinked:' .. side) == 1
local other = {}
for i, id in ipairs(ids) do
  local value, from = firsts[i] and values[firsts[i]], at
  if not value and hasEntries then value, from = getIn(base, 'unlinked:' .. side, id), 10 end
  if not value or sub(value, from, from + 7) ~= sub(raws, 8 * i - 7, 8 * i) then other[#other + 1] = i - 1 end
end
return other
