// Knows the three ways in which a field may write a date.

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

// Of fixed shape, so that none backtracks. RFC 9111 §4.2: case-insensitive, and no zone but GMT.
const IMF_FIXDATE = /^(?:mon|tue|wed|thu|fri|sat|sun), (\d\d) ([a-z]{3}) (\d{4}) (\d\d):(\d\d):(\d\d) gmt$/
const RFC_850 = /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\d\d)-([a-z]{3})-(\d\d) (\d\d):(\d\d):(\d\d) gmt$/
const ASCTIME = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4})$/

/**
 * An HTTP-date in milliseconds, or undefined for what is none. `now` (milliseconds) decides the century of a year of two digits.
 * `Date.parse` is no substitute: it takes "0" and "1" for dates. RFC 9110 §5.6.7
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text.length > 40) return undefined
  const lower = text.toLowerCase()
  const imf = IMF_FIXDATE.exec(lower)
  if (imf) return toTime(Number(imf[3]), imf[2]!, imf[1]!, imf.slice(4))
  const rfc850 = RFC_850.exec(lower)
  if (rfc850) return toTime(fullYear(Number(rfc850[3]), now), rfc850[2]!, rfc850[1]!, rfc850.slice(4))
  const asctime = ASCTIME.exec(lower)
  if (asctime) return toTime(Number(asctime[6]), asctime[1]!, asctime[2]!.trim(), asctime.slice(3, 6))
  return undefined
}

function toTime(year: number, monthName: string, day: string, clock: readonly string[]): number | undefined {
  const month = MONTHS.indexOf(monthName)
  const [hour, minute, second] = clock.map(Number) as [number, number, number]
  if (month < 0 || hour > 23 || minute > 59 || second > 60) return undefined
  const time = Date.UTC(year, month, Number(day), hour, minute, second)
  // A day that the month has not would run over into the next one.
  return new Date(Date.UTC(year, month, Number(day))).getUTCDate() === Number(day) ? time : undefined
}

// RFC 9110 §5.6.7: what seems to be more than 50 years ahead is the most recent year in the past with these digits.
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}
