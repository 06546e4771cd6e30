--[[
  Whether some record waits for the link of a record.

  KEYS[1]  see lib.lua
  ARGV     side, id
  Answers 1 or 0.
]]
-- @include lib
for _, family in ipairs(dependentsOf(ARGV[1], false)) do
  if #membersOf(base, family.name, ARGV[2]) > 0 then return 1 end
end
return 0
