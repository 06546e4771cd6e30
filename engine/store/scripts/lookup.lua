--[[
  What is known of records of one side.

  KEYS[1]  see lib.lua
  ARGV     side, 'full' or '', ids...
  Answers per id { id on side 0 or false, value of the link or false, entry without a link or false, open } where `open` is
  false, or the kind of the issue; with 'full' it is { open value of the record, open value of the link (under its record on
  side 0), waiting issue of the record, waiting issue of the link }.
]]
-- @include lib
local side, full = ARGV[1], ARGV[2] == 'full'
local ids = {}
for i = 3, #ARGV do ids[#ids + 1] = ARGV[i] end
local firsts, values = linksOf(side, ids)

local keys = {}
for i, id in ipairs(ids) do
  keys[2 * i - 1] = side .. '/' .. id
  keys[2 * i] = '0/' .. (firsts[i] or '')
end
local open = call('EXISTS', base .. 'open') == 1 and many('HMGET', base .. 'open', keys) or {}
local hasEntries = call('HEXISTS', base .. 'sizes', 'unlinked:' .. side) == 1

local answer = {}
for i, id in ipairs(ids) do
  local value = firsts[i] and values[firsts[i]] or false
  local entry = not value and hasEntries and getIn(base, 'unlinked:' .. side, id) or false
  local own, link = open[2 * i - 1] or false, value and open[2 * i] or false
  local waits = waitingOf(side, id) or false
  local linkWaits = value and (side == '0' and waits or waitingOf('0', firsts[i])) or false
  if full then
    answer[i] = { value and firsts[i] or false, value, entry, { own, link, waits, linkWaits } }
  else
    local line = linkWaits and 'w' or match(link or '', '^I(.)') or waits and 'w' or match(own or '', '^I(.)')
    answer[i] = { value and firsts[i] or false, value, entry, line or false }
  end
end
return answer
