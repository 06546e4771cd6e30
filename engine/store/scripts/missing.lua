--[[
  Links whose record on a side is not in a set of those that were seen.

  KEYS[1]  see lib.lua
  ARGV     side, key of the SET, cursor, since when a link is too new to be missing in ms
  Answers { next cursor, id on side 0, id on side 1, '1' where the record was there at the last look or '',
            open value of the link or '', open value under its record on side 1 or '', ... }.
]]
-- @include lib
local page = call('HSCAN', base .. 'link', ARGV[3], 'COUNT', 500)
local synced = L.synced[ARGV[1] + 1]
local NONE = string.rep('\0', 8)
local ids, firsts, values, there = {}, {}, {}, {}
for i = 1, #page[2], 2 do
  local first, value = page[2][i], page[2][i + 1]
  if createdOf(value) < tonumber(ARGV[4]) then
    firsts[#firsts + 1] = first
    values[#values + 1] = otherIdOf(value)
    there[#there + 1] = sub(value, synced, synced + 7) == NONE and '' or '1'
    ids[#ids + 1] = ARGV[1] == '0' and first or otherIdOf(value)
  end
end
local answer = { page[1] }
for i, seen in ipairs(many('SMISMEMBER', ARGV[2], ids)) do
  if seen == 0 then
    answer[#answer + 1] = firsts[i]
    answer[#answer + 1] = values[i]
    answer[#answer + 1] = there[i]
    answer[#answer + 1] = call('HGET', base .. 'open', '0/' .. firsts[i]) or ''
    answer[#answer + 1] = call('HGET', base .. 'open', '1/' .. values[i]) or ''
  end
end
return answer
