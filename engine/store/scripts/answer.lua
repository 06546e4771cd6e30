--[[
  Notes the answer to a brake, which the first who gives one decides.

  KEYS[1]  see lib.lua
  ARGV     id of the brake, answer
  Answers what holds, '' where that brake is off.
]]
-- @include lib
local brake = base .. 'brake'
if call('HGET', brake, 'id') ~= ARGV[1] then return '' end
call('HSETNX', brake, 'answer', ARGV[2])
return call('HGET', brake, 'answer')
