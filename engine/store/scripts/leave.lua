--[[
  The mapping leaves a record without a counterpart deliberately: it counts as read just after the first sync.

  KEYS[1]  see lib.lua
  ARGV     side, id, ms of the end of the first sync
]]
-- @include lib
local record = load(ARGV[1] .. '/' .. ARGV[2])
local read = tonumber(ARGV[3]) - EPOCH
if record.entry and record.entry.seen > 0 and record.entry.seen <= read then
  record.entry.seen = read + 1
  flush()
end
return 1
