// Knows the Lua that dates an entry.

import { scriptOf, type Script } from './script.ts'

/**
 * Puts the time of the server's own clock into an entry that has just come, by which it is aged when it is read: a read then need not ask for
 * each key how much time is left. It touches no byte of the value, however long that is.
 *
 * ARGV: 1 what an entry begins with that is not dated yet, 2 where in it the time belongs.
 */
export const dateScript: Script = scriptOf(`
if redis.call('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
return redis.call('SETRANGE', KEYS[1], ARGV[2], string.format('%013.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
`)
