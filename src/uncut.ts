// Knows how a text becomes one of its own where V8 may have cut it out of another: such a one keeps the other, and takes eight times as long to compare.

/** `json`: the text as JSON, for who has it already. */
export function uncut(text: string, json: string = JSON.stringify(text)): string {
  // What the language has for copies gives the same text, or one that is cut out again.
  return JSON.parse(json) as string
}
