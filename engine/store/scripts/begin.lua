--[[
  Notes what is begun for several records, unless a brake is on or goes on by it.

  KEYS[1]  see lib.lua
  ARGV[1]  requests (msgpack), a list of: b allowance, see brake.lua, empty where the brake is not asked; k record key; o owner, c claims that it must hold; W pending
           writes as JSON, or nil, with the revision wr of their link (0: there is none) and its ids wa, wb; C pending create as JSON, or nil, with its key ck, and cr the key of the one that it
           replaces, or ''; or nothing but: D the pending create with this key is dropped; M fields, as JSON, that the pending
          create with the key mk gets; V a pending create is left to a person, unless somebody else than o works on the record; R, as JSON,
          the pending writes with these properties, sides and tokens sent are dropped
  Answers per request { 'lost' } where a claim was lost, { 'changed' } where the link is at another revision or the pending
  create there is another one's,
  { 'brake', fields of the brake ... }, or { 'begun' }.
]]
-- @include lib
-- @include brake
local requests, at = cmsgpack.unpack(ARGV[1]), now()
local names, keys, held = {}, {}, {}
for _, request in ipairs(requests) do
  keys[#keys + 1] = request.k
  for _, name in ipairs(request.c) do names[#names + 1] = name end
end
readOpen(keys)
for i, value in ipairs(many('HMGET', base .. 'claims', names)) do held[names[i]] = ownerOf(value, at) end

-- Writes that were begun at the same revision may have been applied: they are kept beside the new ones.
local function withEarlier(earlier, text)
  local new = cjson.decode(text)
  earlier = cjson.decode(earlier)
  if earlier.revision ~= new.revision or earlier.ids[1] ~= new.ids[1] or earlier.ids[2] ~= new.ids[2] then return text end
  local function name(write)
    return cjson.encode({ write.property, write.side, write.sent, write.from, write.definition or '' })
  end
  local known = {}
  for _, write in ipairs(new.writes) do known[name(write)] = true end
  for _, write in ipairs(earlier.writes) do
    if not known[name(write)] then table.insert(new.writes, write) end
  end
  return cjson.encode(new)
end

-- Writes of which nothing was written. cjson has no empty list.
local function without(earlier, text)
  earlier = cjson.decode(earlier)
  local dropped, left = {}, {}
  local function name(write) return cjson.encode({ write.property, write.side, write.sent }) end
  for _, write in ipairs(cjson.decode(text)) do dropped[name(write)] = true end
  for _, write in ipairs(earlier.writes) do
    if not dropped[name(write)] then left[#left + 1] = write end
  end
  earlier.writes = left
  return #left > 0 and cjson.encode(earlier) or nil
end

local function isAtRevision(request)
  local value = call('HGET', base .. 'link', request.wa)
  local linked = value and otherIdOf(value) == request.wb
  return (linked and revisionOf(value) or 0) == request.wr
end

-- Added as text: decoded and encoded, an empty list would come back as an object. Of a field that is there twice the last counts.
local function withField(json, field) return sub(json, 1, -2) .. ',' .. field .. '}' end

local function begin(request)
  for _, name in ipairs(request.c) do
    if held[name] ~= request.o then return { 'lost' } end
  end
  local record = load(request.k, true, true)
  local key = record.open.C and cjson.decode(record.open.C).key
  if request.D then
    if key ~= request.D then return { 'changed' } end
    record.open.C = nil
    return { 'begun' }
  end
  if request.M then
    if key ~= request.mk then return { 'changed' } end
    record.open.C = withField(record.open.C, request.M)
    return { 'begun' }
  end
  if request.V then
    local holder = ownerOf(call('HGET', base .. 'claims', request.k), at)
    if holder and holder ~= request.o then return { 'lost' } end
    if key and not cjson.decode(record.open.C).review then record.open.C = withField(record.open.C, '"review":true') end
    return { 'begun' }
  end
  if request.R then
    record.open.W = record.open.W and without(record.open.W, request.R)
    return { 'begun' }
  end
  if request.W and not isAtRevision(request) then return { 'changed' } end
  if request.C and key and key ~= request.ck and key ~= request.cr then return { 'changed' } end
  -- Without allowance the brake is not asked.
  local brake = request.b.id and consumeAllowance(request.b, at) or {}
  if #brake > 0 then return { 'brake', unpack(brake) } end
  if request.W then record.open.W = record.open.W and withEarlier(record.open.W, request.W) or request.W end
  record.open.C = request.C or record.open.C
  return { 'begun' }
end

local answers = {}
for i, request in ipairs(requests) do answers[i] = begin(request) end
flush()
return answers
