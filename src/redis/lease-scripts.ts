// Knows the Lua that takes, renews and ends a lease.

import { scriptOf, type Script } from './script.ts'

/**
 * Takes a lease: of a call that nobody holds, or whose holder was overtaken. A lease is a hash: its holder's token, where the clear log
 * was when the holder began, when it ends at the latest, and one field for each process that is told of its end, by its channel.
 *
 * ARGV: 1 a token, 2 and 3 the log's generation and epoch, 4 milliseconds that it lasts unless it is renewed, 5 and at the latest,
 * 6 the caller's channel, 7 the token of a holder that was overtaken.
 *
 * Replies: nothing where it was taken, else its holder's token, generation and epoch, and the milliseconds that are left of it.
 */
export const takeLeaseScript: Script = scriptOf(`
local key = KEYS[1]
local token, generation, epoch, length, bound, channel, overtaken = unpack(ARGV)
local holder = redis.call('HMGET', key, 'token', 'generation', 'epoch')
if holder[1] and holder[1] ~= overtaken then
  redis.call('HSET', key, '>' .. channel, '')
  local left = redis.call('PTTL', key)
  -- None of ours, which all end.
  if left < 0 then redis.call('PEXPIRE', key, length) end
  return { holder[1], holder[2], holder[3], math.max(left, 0) }
end
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + bound)
redis.call('HSET', key, 'token', token, 'generation', generation, 'epoch', epoch, 'ends', ends)
redis.call('PEXPIRE', key, math.min(tonumber(length), tonumber(bound)))
return {}
`)

/**
 * Renews a lease, up to its end at the latest. ARGV: 1 its holder's token, 2 milliseconds that it lasts from now on.
 *
 * Replies: the milliseconds that are left of it; 0 where it is at its end, or another's.
 */
export const renewLeaseScript: Script = scriptOf(`
local key = KEYS[1]
local holder = redis.call('HMGET', key, 'token', 'ends')
if holder[1] ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local left = math.min(tonumber(ARGV[2]), holder[2] - time[1] * 1000 - math.floor(time[2] / 1000))
if left <= 0 then return 0 end
redis.call('PEXPIRE', key, left)
return left
`)

/**
 * Ends a lease, and tells those who wait. Where it is another's by now it stays, and is told of only what may be of use to its waiters.
 *
 * ARGV: 1 its holder's token, 2 the message, 3 whether there is an entry now: '1' or ''.
 */
export const endLeaseScript: Script = scriptOf(`
local key = KEYS[1]
local token, message, isStored = unpack(ARGV)
local isHeld, channels = false, {}
local fields = redis.call('HGETALL', key)
for at = 1, #fields, 2 do
  if fields[at] == 'token' then isHeld = fields[at + 1] == token end
  if string.sub(fields[at], 1, 1) == '>' then channels[#channels + 1] = string.sub(fields[at], 2) end
end
if isHeld then
  redis.call('DEL', key)
elseif isStored == '' then
  return
end
-- Where rights forbid the channel, they find out by themselves.
for _, channel in ipairs(channels) do redis.pcall('PUBLISH', channel, message) end
`)
