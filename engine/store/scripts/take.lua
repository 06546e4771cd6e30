--[[
  Takes dirty records under claims. A link is one unit, whichever of its records is dirty. A record that another owner holds
  stays in the set, its due time moved on by 250 ms. A taken one is due again when its claims end: if its worker dies, it
  comes back by itself.

  KEYS[1]  see lib.lua
  ARGV[1]  request (msgpack): o owner, ttl of the claims in ms, n how many due records at most, or r the record keys to take
  Answers { now, brake as HGETALL, due records left, busy record keys, units, revision at which a link ended last }; per unit:
    { { record key, due or '', event or '', ... }, { claim, ... }, id on side 0 or false, value of the link or false,
      entry without a link or false, { record key, open value or '', waiting issue or '', ... }, recent writes or false }
]]
-- @include lib
local BUSY_MS = 250
local request, at = cmsgpack.unpack(ARGV[1]), now()
local dirty = base .. 'dirty'

local due, dueOf = {}, {}
if request.r then
  for i, score in ipairs(many('ZMSCORE', dirty, request.r)) do
    due[i] = request.r[i]
    dueOf[due[i]] = score or nil
  end
else
  local flat = call('ZRANGEBYSCORE', dirty, '-inf', integer(at), 'WITHSCORES', 'LIMIT', 0, request.n)
  for i = 1, #flat, 2 do
    due[#due + 1] = flat[i]
    dueOf[flat[i]] = flat[i + 1]
  end
end

-- Both records of one link are one unit.
local firsts, firstOf, values = {}, {}, {}
for _, key in ipairs(due) do
  local side, id = sub(key, 1, 1), sub(key, 3)
  local first = id
  if side == '1' then first = getIn(base, 'rev', id) end
  if first then
    firsts[#firsts + 1] = first
    firstOf[key] = first
  end
end
for i, value in ipairs(many('HMGET', base .. 'link', firsts)) do values[firsts[i]] = value end

local units, unitOf, names = {}, {}, {}
for _, key in ipairs(due) do
  local first = firstOf[key]
  local value = first and values[first] or nil
  local unit = value and unitOf[first]
  if unit then
    table.insert(unit.keys, key)
  else
    unit = { keys = { key }, first = value and first, value = value }
    unit.claims = value and { '0/' .. first, '1/' .. otherIdOf(value) } or { key }
    if value then unitOf[first] = unit end
    units[#units + 1] = unit
    for _, name in ipairs(unit.claims) do names[#names + 1] = name end
  end
end

local held = {}
for i, value in ipairs(many('HMGET', base .. 'claims', names)) do held[names[i]] = ownerOf(value, at) end
local taken, busy, scores, claims = {}, {}, {}, {}
local claim = integer(at + request.ttl) .. ' ' .. request.o
local scoreTaken = format('%.1f', at + request.ttl + 0.5)
for _, unit in ipairs(units) do
  local free = true
  for _, name in ipairs(unit.claims) do
    if held[name] and held[name] ~= request.o then free = false end
  end
  for _, key in ipairs(unit.keys) do
    if not free then busy[#busy + 1] = key end
    if dueOf[key] and (free or tonumber(dueOf[key]) <= at) then
      scores[#scores + 1] = free and scoreTaken or integer(at + BUSY_MS)
      scores[#scores + 1] = key
    end
  end
  if free then
    taken[#taken + 1] = unit
    for _, name in ipairs(unit.claims) do
      claims[#claims + 1] = name
      claims[#claims + 1] = claim
    end
  end
end
each('HSET', base .. 'claims', claims)
each('ZADD', dirty, scores)

local openKeys, openOf, linked, recentOf = {}, {}, {}, {}
for _, unit in ipairs(taken) do
  for _, name in ipairs(unit.claims) do openKeys[#openKeys + 1] = name end
  if unit.first then linked[#linked + 1] = unit.first end
end
for i, value in ipairs(many('HMGET', base .. 'open', openKeys)) do openOf[openKeys[i]] = value end
local period = math.floor(at / 300000)
for back = 3, 0, -1 do
  for i, value in ipairs(many('HMGET', base .. 'recent:' .. integer(period - back), linked)) do
    if value then recentOf[linked[i]] = value end
  end
end

-- Events of systems that marked these records. They stay as long as the marks: the worker that gets the record after this one
-- must not use an older reading of it either.
local events, marked = {}, {}
for _, unit in ipairs(taken) do
  for _, key in ipairs(unit.keys) do marked[#marked + 1] = key end
end
if #marked > 0 and call('EXISTS', dirty .. ':events') == 1 then
  for i, event in ipairs(many('HMGET', dirty .. ':events', marked)) do events[marked[i]] = event end
end

local answer = {}
for i, unit in ipairs(taken) do
  local keys, open = {}, {}
  for _, key in ipairs(unit.keys) do
    keys[#keys + 1] = key
    keys[#keys + 1] = dueOf[key] or ''
    keys[#keys + 1] = events[key] or ''
  end
  for _, name in ipairs(unit.claims) do
    local waiting = waitingOf(sub(name, 1, 1), sub(name, 3))
    if openOf[name] or waiting then
      open[#open + 1] = name
      open[#open + 1] = openOf[name] or ''
      open[#open + 1] = waiting or ''
    end
  end
  local entry = false
  if not unit.first then
    local key = unit.keys[1]
    entry = getIn(base, 'unlinked:' .. sub(key, 1, 1), sub(key, 3))
  end
  answer[i] = { keys, unit.claims, unit.first or false, unit.value or false, entry, open, recentOf[unit.first or ''] or false }
end
-- Claims of workers that died stay behind in the hash; in a quiet moment they are all that is in it.
if #due == 0 and not request.r then
  local gone = {}
  for name, value in pairs(toTable(call('HGETALL', base .. 'claims'))) do
    if not ownerOf(value, at) then gone[#gone + 1] = name end
  end
  each('HDEL', base .. 'claims', gone)
end
return {
  integer(at), call('HGETALL', base .. 'brake'), call('ZCOUNT', dirty, '-inf', integer(at)), busy, answer,
  call('GET', base .. 'ended') or '0',
}
