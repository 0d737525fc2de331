// Knows the Lua that asks and appends to the shared log: each script is one instant of it.

import { scriptOf, type Script } from './script.ts'

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
  if type(info) ~= 'string' then return '' end
  -- What a replica has may be late.
  if string.find(info, 'role:slave', 1, true) then error('READONLY The clear log is asked of a master.') end
  return string.match(info, 'master_replid:(%w+)') or ''
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
  local kind = redis.call('TYPE', key).ok
  -- Somebody else's value under our key: the log is lost, and is made anew.
  if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', key) end
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
 * Replies: generation, from, upto, epoch, floor, records, the server's time, and for the older ones how far down they reach, records.
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
local reply = { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records, whole(now()) }
if ARGV[6] then
  local low, found = older(tonumber(ARGV[6]), math.max(tonumber(ARGV[7]), log.floor))
  reply[8], reply[9] = whole(low), found
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

local function publish(previous, time)
  local head = '["' .. log.generation .. '",' .. whole(previous) .. ',' .. whole(log.epoch) .. ',"' .. writer .. '","' .. delivery .. '",['
  -- Where rights forbid the channel, the others learn it by their next question.
  redis.pcall('PUBLISH', channel, head .. table.concat(ARGV, ',', 10) .. '],' .. whole(time) .. ']')
end

open()
local previous = log.epoch
-- Before the records are added: one of the same ref would move there and no longer show among the missed.
local from, upto, records = missed()
local time = now()
log.epoch = math.max(previous + 1, time)
for i = 10, #ARGV do redis.call('ZADD', key, whole(log.epoch), ARGV[i]) end
keep()
collapseOldest()
dropOldest()
publish(previous, time)
if upto == previous then upto = log.epoch end
return { log.generation, whole(from), whole(upto), whole(log.epoch), whole(log.floor), records, whole(time) }
`)
