// Knows what is called how in Redis, and how long a key may live there.

// An entry that never ends here still ends there: every key has an expiry.
const LONGEST = 30 * 24 * 60 * 60 * 1000

/** The clear log of a prefix. Braces make it one slot in a Cluster. */
export function logKeyOf(prefix: string): string {
  return `{${escaped(prefix)}:log}`
}

/** What the keys of all entries of a prefix, or of one of its functions, begin with. */
export function entriesOf(prefix: string, name?: string): string {
  return name === undefined ? `${escaped(prefix)}:` : `${escaped(prefix)}:${name}(`
}

/** The entry of one call. `version` has no parenthesis in it: entries of two versions never have one key. */
export function entryKeyOf(prefix: string, name: string, key: string, version?: string): string {
  return entryKeyIn(entriesOf(prefix), name, key, version)
}

/** The same, by what the keys of all entries of the prefix begin with. */
export function entryKeyIn(entries: string, name: string, key: string, version = ''): string {
  return `${entries}${name}(${key}${endOf(version)}`
}

/** What the keys of all entries of one version end with. */
export function endOf(version: string): string {
  return version === '' ? ')' : `)@${version}`
}

/** The entries of one function, of all its versions, by their last use; beside it by their end. Braces make both one slot in a Cluster. */
export function usesKeyOf(prefix: string, name: string): string {
  return `{${escaped(prefix)}#uses:${escaped(name)}}`
}

/** The lease of one call. No prefix has a # in it: neither a key of a longer prefix nor an entry, which a flush gives back, begins so. */
export function leaseKeyOf(prefix: string, name: string, key: string, version = ''): string {
  return `${escaped(prefix)}#lease:${name}(${key}${endOf(version)}`
}

/** What a process hears by that it waits for a lease: a channel of its own. */
export function turnChannelOf(prefix: string, process: string): string {
  return `${escaped(prefix)}#turn:${process}`
}

/** A SCAN pattern of all keys that begin with a text. */
export function beginningWith(text: string): string {
  return `${text.replaceAll(/[*?[\]\\]/g, '\\$&')}*`
}

/** A lifetime as Redis takes it: whole milliseconds, and never none. */
export function lifetimeInRedis(ms: number): number {
  return ms === Number.POSITIVE_INFINITY ? LONGEST : Math.min(Math.max(Math.ceil(ms), 1), Number.MAX_SAFE_INTEGER / 4)
}

// So that no prefix can be the beginning of another one's keys.
function escaped(prefix: string): string {
  return encodeURIComponent(prefix)
}
