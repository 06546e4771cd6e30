--[[
  The number of a text that many values share. It lasts while one of them uses it; texts that are not used yet are deleted,
  but for the last ones, whose values may be on their way.

  KEYS[1]  see lib.lua
  ARGV     text
]]
-- @include lib
local UNUSED = 20
local words = toTable(call('HGETALL', base .. 'words'))
local number
local gone = {}
for field, text in pairs(words) do
  if find(field, '^%d') then
    if text == ARGV[1] then number = tonumber(field)
    elseif not words['#' .. field] and tonumber(field) <= tonumber(words.next) - UNUSED then gone[#gone + 1] = field end
  end
end
each('HDEL', base .. 'words', gone)
if number then return number end
-- Processes remember texts by their numbers. After a loss of all data the numbers start somewhere else, so that none of
-- those that a process remembers gets another text.
if not words.next then
  local time = call('TIME')
  call('HSET', base .. 'words', 'next', integer(time[1] % 2048 * 1048576 + time[2]))
end
number = call('HINCRBY', base .. 'words', 'next', 1)
call('HSET', base .. 'words', integer(number), ARGV[1])
return number
