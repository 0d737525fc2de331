// How an error is answered.

import { InputError } from './input.ts'

/** A status and a body that say what was wrong. */
export interface Refusal {
  readonly status: number
  readonly body: { readonly error: string }
}

/** The answer to `error`: what was expected when the request is to blame, else a 500 that keeps the reason on this side. */
export function refusal(error: unknown): Refusal {
  if (error instanceof InputError) return { status: 400, body: { error: error.message } }
  if (isBodyError(error)) return { status: 400, body: { error: `Expected a JSON body such as { "stars": 4 }: ${error.message}.` } }
  console.error(error)
  return { status: 500, body: { error: 'This could not be answered. The reason is in the log of the server.' } }
}

/** Express' body parser says so by a status. */
function isBodyError(error: unknown): error is Error {
  return error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status >= 400 && error.status < 500
}
