// Knows the Lua that runs inside Redis: each script is one instant of the shared log, of a lease, or of a function's entries.

import { createHash } from 'node:crypto'

export interface Script {
  readonly text: string
  /** What EVALSHA calls it by. */
  readonly sha: string
}

function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/**
 * The log is one sorted set. A record's member is its JSON, its score its epoch. A record collapsed to its whole function has its epoch
 * negated, so that the records that are kept one by one can be read in their order alone. Below them all lies the marker, which says
 * that the log is whole: its generation, the server's replication id, and the floor, up to which records have been dropped.
 *
 * ARGV: 1 a random name for a new generation, 2 and 3 the caller's generation and position, 4 milliseconds that the log must live,
 * 5 how many records a reply may hold.
 */
const prelude = `
local key = KEYS[1]
local fresh, theirs, position, retention, page = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local LOWEST = '-9007199254740991'
local log = {}

local function whole(number)
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function replication()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%w+)') or ''
end

local function mark(generation, source, floor)
  local marker = '!' .. generation .. ':' .. source .. ':' .. whole(floor)
  redis.call('ZADD', key, LOWEST, marker)
  if log.marker then redis.call('ZREM', key, log.marker) end
  log.marker, log.generation, log.source, log.floor = marker, generation, source, floor
end

-- Where rights forbid INFO, a failover that lost records still shows when a caller knows more than the log.
local function isWhole(source)
  local marker = redis.call('ZRANGE', key, 0, 0)[1] or ''
  local generation, origin, floor = string.match(marker, '^!([^:]+):([^:]*):(%d+)$')
  if not generation or (origin ~= source and origin ~= '' and source ~= '') then return false end
  log.marker, log.generation, log.source, log.floor = marker, generation, origin, tonumber(floor)
  log.epoch = math.max(log.floor, tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]))
  return theirs ~= generation or position <= log.epoch
end

local function open()
  local source = replication()
  if isWhole(source) then return end
  redis.call('DEL', key)
  log = {}
  mark(fresh, source, now())
  log.epoch = log.floor
end

-- Twice as long as it must, and seldom: a question is then no write.
local function keep()
  log.ttl = redis.call('PTTL', key)
  if log.ttl >= retention then return end
  log.ttl = 2 * retention
  redis.call('PEXPIRE', key, whole(log.ttl))
end

local function add(records, found, sign)
  for i = 1, #found, 2 do
    records[#records + 1] = found[i]
    records[#records + 1] = whole(sign * found[i + 1])
  end
end

local function addCollapsed(records, after)
  add(records, redis.call('ZRANGEBYSCORE', key, '(' .. LOWEST, '(-' .. whole(after), 'WITHSCORES'), -1)
end

-- What the caller missed: from where and up to where, and the records in between.
local function missed()
  local records = {}
  if theirs ~= log.generation or position < log.floor then return log.epoch, log.epoch, records end
  if position == log.epoch then return position, position, records end
  addCollapsed(records, position)
  local found = redis.call('ZRANGEBYSCORE', key, '(' .. whole(position), '+inf', 'WITHSCORES', 'LIMIT', 0, page)
  add(records, found, 1)
  if #found < 2 * page then return position, log.epoch, records end
  -- The records of one append share their epoch: a page never ends between them.
  local last = found[#found]
  add(records, redis.call('ZRANGEBYSCORE', key, last, last, 'WITHSCORES'), 1)
  return position, tonumber(last), records
end
`

/**
 * Where is the log, and what came after my position? With ARGV 6 and 7 also, at the same instant: which records lie at or before the
 * first and after the second, the newest first. A record that moves meanwhile is then among the new ones.
 *
 * Replies: generation, from, upto, epoch, floor, records, and for the older ones how far down they reach, records.
 */
export const questionScript: Script = scriptOf(`${prelude}
local function older(below, after)
  local records, low = {}, after
  local found = redis.call('ZREVRANGEBYSCORE', key, whole(below), '(' .. whole(after), 'WITHSCORES', 'LIMIT', 0, page)
  add(records, found, 1)
  if #found == 2 * page then
    local last = found[#found]
    add(records, redis.call('ZRANGEBYSCORE', key, last, last, 'WITHSCORES'), 1)
    low = last - 1
  end
  -- Also what is newer than this page: records may have been collapsed upwards since the page above it was read.
  addCollapsed(records, low)
  return low, records
end

open()
keep()
local from, upto, records = missed()
local reply = { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records }
if ARGV[6] then
  local low, found = older(tonumber(ARGV[6]), math.max(tonumber(ARGV[7]), log.floor))
  reply[7], reply[8] = whole(low), found
end
return reply
`)

/**
 * Appends records at one epoch, tells the channel, and answers as a question asked just before: so the writer's position is the new
 * epoch and it has missed nothing. Drops what is older than any entry, and collapses the oldest past a size, a few at a time.
 *
 * ARGV: 6 how many records are kept one by one, 7 the channel, 8 and 9 the writer and its name for this append, from 10 on the records.
 */
export const appendScript: Script = scriptOf(`${prelude}
local limit, channel, writer, delivery = tonumber(ARGV[6]), ARGV[7], ARGV[8], ARGV[9]
local MOST_DROPPED = 100
local MOST_COLLAPSED = 1000

-- ["c","name",…] becomes ["c","name","",0].
local function functionOf(member)
  if not string.find(member, '^%["%a","') then return nil end
  local at = 7
  while true do
    at = string.find(member, '["\\\\]', at)
    if not at then return nil end
    if string.sub(member, at, at) == '"' then return string.sub(member, 1, at) .. ',"",0]' end
    at = at + 2
  end
end

local function collapse(member, epoch)
  redis.call('ZREM', key, member)
  local all = functionOf(member)
  if not all then return end
  local known = redis.call('ZSCORE', key, all)
  if not known or math.abs(known) < epoch then redis.call('ZADD', key, whole(-epoch), all) end
end

local function collapseOldest()
  local over = redis.call('ZCOUNT', key, '(0', '+inf') - limit
  if over <= 0 then return end
  local most = math.min(over, 2 * (#ARGV - 9) + 8)
  local oldest = redis.call('ZRANGEBYSCORE', key, '(0', '(' .. whole(log.epoch), 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #oldest, 2 do collapse(oldest[i], tonumber(oldest[i + 1])) end
end

local function dropOldest()
  local floor = log.floor
  local old = whole(log.epoch - math.max(retention, log.ttl) * 1000)
  local dropped = redis.call('ZRANGEBYSCORE', key, '(0', old, 'WITHSCORES', 'LIMIT', 0, MOST_DROPPED)
  if #dropped > 0 then floor = tonumber(dropped[#dropped]) end
  local over = redis.call('ZCOUNT', key, '(' .. LOWEST, '(0') - MOST_COLLAPSED
  if over > 0 then
    local gone = redis.call('ZREVRANGEBYSCORE', key, '(0', '(' .. LOWEST, 'WITHSCORES', 'LIMIT', 0, over)
    floor = math.max(floor, -gone[#gone])
  end
  if floor == log.floor then return end
  redis.call('ZREMRANGEBYSCORE', key, whole(-floor), whole(floor))
  mark(log.generation, log.source, floor)
end

local function publish(previous)
  local head = '["' .. log.generation .. '",' .. whole(previous) .. ',' .. whole(log.epoch) .. ',"' .. writer .. '","' .. delivery .. '",['
  -- Where rights forbid the channel, the others learn it by their next question.
  redis.pcall('PUBLISH', channel, head .. table.concat(ARGV, ',', 10) .. ']]')
end

open()
local previous = log.epoch
-- Before the records are added: one of the same ref would move there and no longer show among the missed.
local from, upto, records = missed()
log.epoch = math.max(previous + 1, now())
for i = 10, #ARGV do redis.call('ZADD', key, whole(log.epoch), ARGV[i]) end
keep()
collapseOldest()
dropOldest()
publish(previous)
if upto == previous then upto = log.epoch end
return { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records }
`)

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
