--[[
  Puts the brake on, or tells the one that is on, with a new count where it is of the same kind.

  KEYS[1]  see lib.lua
  ARGV     id, kind, by, count, limit, linked
  Answers the fields of the brake that is on now.
]]
-- @include lib
local brake = base .. 'brake'
local on = call('HGET', brake, 'kind')
if not on then
  call('HSET', brake, 'id', ARGV[1], 'kind', ARGV[2], 'by', ARGV[3], 'limit', ARGV[5], 'linked', ARGV[6], 'since', integer(now()))
end
if not on or on == ARGV[2] then call('HSET', brake, 'count', ARGV[4]) end
return call('HGETALL', brake)
