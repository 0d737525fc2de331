// Figures as people read them.

const compact = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD', notation: 'compact', maximumFractionDigits: 1 })
const whole = new Intl.NumberFormat('en-US')
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

export const money = (value) => (value === null ? '–' : compact.format(value))
export const count = (value, one, many = `${one}s`) => `${whole.format(value)} ${value === 1 ? one : many}`
export const date = (value) => day.format(new Date(value))
export const time = (milliseconds) => `${milliseconds < 9.95 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
export const genreName = (genre) => genre ?? 'No genre given'

/** "★ 4.5", or nothing while nobody has rated. */
export const stars = ({ count, mean }) => (count === 0 ? '' : `★ ${mean.toFixed(1)}`)
