// Knows the signatures of a function: it has several where it is overloaded.

type AnyCall = (...args: any) => any

/** What one signature takes and gives, and the functions that are made of it. */
interface Signature<This, A extends unknown[], R> {
  args: A
  result: R
  async: unknown extends This ? (...args: A) => Promise<Awaited<R>> : (this: This, ...args: A) => Promise<Awaited<R>>
  peek: (...args: A) => Promise<Awaited<R> | undefined>
  peekSync: (...args: A) => R | undefined
  promises: R extends PromiseLike<unknown> ? true : unknown
}

// Where there are fewer than four, TypeScript takes the first one several times, and equal ones fall into one. Of more, it takes the last.
type SignaturesOf<F extends AnyCall> = F extends {
  (...args: infer A1): infer R1
  (...args: infer A2): infer R2
  (...args: infer A3): infer R3
  (this: infer This, ...args: infer A4): infer R4
}
  ? [Signature<This, A1, R1>, Signature<This, A2, R2>, Signature<This, A3, R3>, Signature<This, A4, R4>]
  : Four<Signature<ThisParameterType<F>, Parameters<F>, ReturnType<F>>>

type Four<S> = [S, S, S, S]

/** The arguments of a function, by any of its signatures: the last four. `Parameters` knows the last one alone. */
export type ArgsOf<F extends AnyCall> = SignaturesOf<F>[number]['args']

/** What a function gives, by any of its signatures. */
export type ResultOf<F extends AnyCall> = SignaturesOf<F>[number]['result']

/** What is made of each signature, all at once and in their order. */
export type Each<F extends AnyCall, Made extends keyof Signature<unknown, [], unknown>> = SignaturesOf<F>[0][Made] &
  SignaturesOf<F>[1][Made] &
  SignaturesOf<F>[2][Made] &
  SignaturesOf<F>[3][Made]

/**
 * The arguments as a callback is given them: where the last signature does not take what the others do, each is what any of them has in
 * its place. TypeScript refuses a callback that leaves some out where its arguments are a union of lists.
 */
export type GivenArgs<F extends AnyCall, A extends unknown[] = ArgsOf<F>> = [A] extends [Parameters<F>]
  ? Parameters<F>
  : [A[0], A[1], A[2], A[3], ...A[number][]]
