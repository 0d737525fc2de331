// What chance begins with: another seed each time, or the one that is given to repeat a run.

export const seed: string = process.env['SEED'] ?? Date.now().toString(36)

/** The seed of one run. */
export function seedOf(name: string): string {
  return `${seed} ${name}`
}
