// Knows the Lua that keeps a function's entries within their bound, by their last use.

import { scriptOf, type Script } from './script.ts'

/**
 * Notes which entries of a function were written and used, the last one latest, and says which have to go: those that were used least
 * recently, past the limit. They lie in other slots of a Cluster than this, so the caller removes them. What has ended by itself leaves
 * both sets first. What was used and is not there any more does not come back.
 *
 * ARGV: 1 the limit, 2 how many may go at once, then in turns an entry and the milliseconds until it ends, '' where it was only used.
 */
export const usesScript: Script = scriptOf(`
local uses, ends = KEYS[1], KEYS[1] .. ':ends'
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function whole(number)
  return string.format('%.0f', number)
end

local function drop(entries)
  if #entries == 0 then return end
  redis.call('ZREM', uses, unpack(entries))
  redis.call('ZREM', ends, unpack(entries))
end

drop(redis.call('ZRANGEBYSCORE', ends, '-inf', whole(now), 'LIMIT', 0, most))
local at = now - #ARGV
for i = 3, #ARGV, 2 do
  at = at + 1
  if ARGV[i + 1] == '' then
    redis.call('ZADD', uses, 'XX', whole(at), ARGV[i])
  else
    redis.call('ZADD', uses, whole(at), ARGV[i])
    redis.call('ZADD', ends, whole(now + ARGV[i + 1] * 1000), ARGV[i])
  end
end

local over = redis.call('ZCARD', uses) - limit
local gone = over > 0 and redis.call('ZRANGE', uses, 0, math.min(over, most) - 1) or {}
drop(gone)
-- Both live as long as the last entry.
local last = redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2]
if last then
  local left = whole(math.max(1, math.ceil((last - now) / 1000)))
  redis.call('PEXPIRE', uses, left)
  redis.call('PEXPIRE', ends, left)
end
return gone
`)
