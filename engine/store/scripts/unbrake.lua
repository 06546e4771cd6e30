--[[
  Takes the brake off, and begins to count from nothing.

  KEYS[1]  see lib.lua
  ARGV     id of the brake, `ANSWER|KIND` that is kept for the records it blocked, or '', kind
  Answers 0 where it was off.
]]
-- @include lib
local brake = base .. 'brake'
if call('HGET', brake, 'id') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then
  -- Answers to earlier brakes are of no use once no record is blocked by any.
  if call('SCARD', base .. 'issues:b') == 0 then call('DEL', brake .. ':answers') end
  call('HSET', brake .. ':answers', ARGV[1], ARGV[2])
end
call('DEL', brake, brake .. ':vanished', brake .. ':spent:' .. ARGV[3])
return 1
