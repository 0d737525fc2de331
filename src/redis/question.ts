// Knows a question to Redis that many wait for, and its answer once that is there.

export class Question {
  /** Whether it was answered. Never rejects. */
  readonly answer: Promise<boolean>
  /** The same; undefined while it is not known. */
  isAnswered: boolean | undefined = undefined

  constructor(answer: Promise<boolean>) {
    this.answer = answer.then((isAnswered) => (this.isAnswered = isAnswered))
  }
}
