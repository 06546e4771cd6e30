--[[
  Notes what is begun, unless a brake is on or goes on by it.

  KEYS[1]  see lib.lua
  ARGV[1]  request (msgpack): b spending, see brake.lua; k record key; W pending writes as JSON, or nil; C pending create as
           JSON, or nil, with its key ck, and cr the key of the one that it replaces, or ''
  Answers { 'changed' } where the pending create there is another one's, { 'brake', fields of the brake ... }, or { 'begun' }.
]]
-- @include lib
-- @include brake
local request = cmsgpack.unpack(ARGV[1])
local record = load(request.k, true)
if request.C and record.open.C then
  local key = cjson.decode(record.open.C).key
  if key ~= request.ck and key ~= request.cr then return { 'changed' } end
end
local brake = spend(request.b, now())
if #brake > 0 then return { 'brake', unpack(brake) } end
record.open.W = request.W or record.open.W
record.open.C = request.C or record.open.C
flush()
return { 'begun' }
