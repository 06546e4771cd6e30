--[[
  Our own last writes to records.

  KEYS[1]  see lib.lua
  ARGV     what the keys of the entity begin with ('' for none), id, and so on
  Answers per id the value (engine/store/own-writes.ts), or false.
]]
-- @include lib
local values = {}
for i = 1, #ARGV, 2 do values[#values + 1] = ARGV[i] ~= '' and getIn(ARGV[i], 'w', ARGV[i + 1]) or false end
return values
