--[[
  Notes what is begun, under claims, unless a brake is on or goes on by it.

  KEYS[1]  see lib.lua
  ARGV[1]  request (msgpack): o owner, c claims that it must hold; b spending, see brake.lua; k record key; W pending writes as
           JSON, or nil, with the revision wr of their link (0: there is none) and its ids wa, wb; C pending create as JSON, or nil, with its
           key ck, and cr the key of the one that it replaces, or ''
  Answers { 'lost' } where a claim ended, { 'changed' } where the link is at another revision or the pending create there is
  another one's, { 'brake', fields of the brake ... }, or { 'begun' }.
]]
-- @include lib
-- @include brake
local request, at = cmsgpack.unpack(ARGV[1]), now()
for _, value in ipairs(many('HMGET', base .. 'claims', request.c)) do
  if ownerOf(value, at) ~= request.o then return { 'lost' } end
end
if request.W then
  local value = call('HGET', base .. 'link', request.wa)
  local linked = value and otherIdOf(value) == request.wb
  if (linked and revisionOf(value) or 0) ~= request.wr then return { 'changed' } end
end
local record = load(request.k, true)
if request.C and record.open.C then
  local key = cjson.decode(record.open.C).key
  if key ~= request.ck and key ~= request.cr then return { 'changed' } end
end
local brake = spend(request.b, at)
if #brake > 0 then return { 'brake', unpack(brake) } end

-- Writes that were begun at the same revision may have been applied: they are kept beside the new ones.
local function withEarlier(text)
  local new, earlier = cjson.decode(text), cjson.decode(record.open.W)
  if earlier.revision ~= new.revision or earlier.ids[1] ~= new.ids[1] or earlier.ids[2] ~= new.ids[2] then return text end
  local function name(write) return cjson.encode({ write.property, write.side, write.sent, write.from, write.definition or '' }) end
  local known = {}
  for _, write in ipairs(new.writes) do known[name(write)] = true end
  for _, write in ipairs(earlier.writes) do
    if not known[name(write)] then table.insert(new.writes, write) end
  end
  return cjson.encode(new)
end

if request.W then record.open.W = record.open.W and withEarlier(request.W) or request.W end
record.open.C = request.C or record.open.C
flush()
return { 'begun' }
