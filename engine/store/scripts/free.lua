--[[
  Which of these records have no link.

  KEYS[1]  see lib.lua
  ARGV     side, ids...
  Answers their positions, from 0.
]]
-- @include lib
local free, ids, values = {}, {}, {}
for i = 2, #ARGV do ids[i - 1] = ARGV[i] end
if ARGV[1] == '0' then values = many('HMGET', base .. 'link', ids) end
for i, id in ipairs(ids) do
  if not (values[i] or (ARGV[1] == '1' and getIn(base, 'rev', id))) then free[#free + 1] = i - 1 end
end
return free
