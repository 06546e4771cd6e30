--[[
  The allowance of the brake: how many deletes, creates and clears count at present.
  Keys behind the mapping's: brake HASH of the brake that is on; brake:missing; brake:consumed:COUNTER ZSET of records by time.
]]

-- Consumes one write of the allowance, or trips the brake. A brake whose kind has no limit any more is taken off, but for
-- one that was answered: that is carried out first.
-- allowance: off (`,kind,kind,` without a limit), id of a new brake, kind ('' for a write that is not counted), counter (what it counts among), record, limit,
-- linked, since (0: no run), window, longest
-- Answers the fields of the brake where it is on, an empty table where the write may be done.
local function consumeAllowance(allowance, at)
  local brake, consumed = base .. 'brake', base .. 'brake:consumed:' .. allowance.counter
  local on = call('HGET', brake, 'kind')
  if on and call('HEXISTS', brake, 'answer') == 0 and find(allowance.off, ',' .. on .. ',', 1, true) then
    call('DEL', brake, base .. 'brake:missing')
    on = nil
  end
  if on then return call('HGETALL', brake) end
  if allowance.kind == '' then return {} end
  local from = at - allowance.window
  if allowance.since > 0 then from = math.max(at - allowance.longest, math.min(from, allowance.since)) end
  call('ZREMRANGEBYSCORE', consumed, '-inf', integer(from))
  if call('ZSCORE', consumed, allowance.record) then return {} end
  local count = call('ZCARD', consumed)
  if count < allowance.limit then
    call('ZADD', consumed, integer(at), allowance.record)
    call('PEXPIRE', consumed, allowance.longest)
    return {}
  end
  call('HSET', brake, 'id', allowance.id, 'kind', allowance.kind, 'by', 'writes', 'count', count + 1, 'limit', allowance.limit,
    'linked', allowance.linked, 'since', integer(at))
  return call('HGETALL', brake)
end
