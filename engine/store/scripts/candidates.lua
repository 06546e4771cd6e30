--[[
  Ids of records without a link that have a match key, or name a counterpart.

  KEYS[1]  see lib.lua
  ARGV     family of the index (free:TAG:RULE:SIDE), key, at most so many
]]
-- @include lib
local found = {}
for id in string.gmatch(getIn(base, ARGV[1], ARGV[2]) or '', '[^%z]+') do
  if #found >= tonumber(ARGV[3]) then break end
  found[#found + 1] = id
end
return found
