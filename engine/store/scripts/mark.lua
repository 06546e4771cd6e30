--[[
  Marks records dirty.

  KEYS[1]  see lib.lua
  ARGV     due in so many ms, record keys...
]]
-- @include lib
local due = now() + ARGV[1]
for i = 2, #ARGV do mark(base, ARGV[i], due) end
flushMarks()
return #ARGV - 1
