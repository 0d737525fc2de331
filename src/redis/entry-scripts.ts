// Knows the Lua that writes an entry.

import { scriptOf, type Script } from './script.ts'

/**
 * Stores an entry with the time of the server's own clock, by which it is aged when it is read: a read then need not ask for each key how much
 * time is left.
 *
 * ARGV: 1 and 2 its header up to the time and from there, 3 the value's bytes, 4 milliseconds until it ends.
 */
export const writeScript: Script = scriptOf(`
local time = redis.call('TIME')
local stored = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('SET', KEYS[1], ARGV[1] .. stored .. ARGV[2] .. ARGV[3], 'PX', ARGV[4])
`)
