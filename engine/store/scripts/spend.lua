--[[
  Consumes one write of the brake's allowance, or trips the brake.

  KEYS[1]  see lib.lua
  ARGV[1]  spending (msgpack), see brake.lua
  Answers the fields of the brake where it is on, nothing where the write may be done.
]]
-- @include lib
-- @include brake
return spend(cmsgpack.unpack(ARGV[1]), now())
