--[[
  Forgets which records of another mapping wait for, or watch, records of this one.

  KEYS[1]  see lib.lua
  ARGV     name of that mapping
  Answers how many there were.
]]
-- @include lib
local gone = 0
for family, count in pairs(sizesOf(base)) do
  if match(family, '^dependents:%d:%a:%d:([^/]+)$') == ARGV[1] then
    gone = gone + tonumber(count)
    for bucket = 0, tonumber(sizesOf(base)[family .. '/n']) - 1 do
      call('UNLINK', base .. family .. ':' .. integer(bucket))
    end
    call('HDEL', base .. 'sizes', family, family .. '/n')
  end
end
return gone
