// Knows how a warning names an input that was read and not keyed, and what it says to do about it.

import { isProperty } from './added.ts'

/** An input as a warning names it. */
export function nameOfInput(input: string): string {
  if (input === 'headers') return "all of the request's headers"
  const field = /\.getHeader\((.+)\)$/.exec(input)?.[1]
  if (field !== undefined) return `the response field "${field}", which an outer layer has set,`
  if (isProperty(input)) return `the property "${input}"`
  return input === 'ip' || input === 'protocol' ? `the client's "${input}"` : `the request header "${input}"`
}

/** What to do about an input, as a warning says it. */
export function adviceFor(input: string): string {
  const ignore = `\`ignore: [${JSON.stringify(input)}]\` if it changes nothing`
  // A layer inside reads them too, to put what it makes of them onto the request.
  const isLayers = input === 'cookie' || input === 'authorization'
  if (isLayers)
    return `If a layer such as a session read it, mount it before \`cached\`. Else give \`partition\` to say whose response it is, or ${ignore}.`
  if (isProperty(input)) return `Give \`partition\` to say whose response it is, or ${ignore}.`
  if (input === 'headers') return `Read single headers and name them in \`headers\`, or give ${ignore}.`
  if (input === 'ip' || input === 'protocol') return `Give \`partition\` to tell them apart, or ${ignore}.`
  return `Give \`headers: [${JSON.stringify(input)}]\` to make it part of the key, or ${ignore}.`
}
