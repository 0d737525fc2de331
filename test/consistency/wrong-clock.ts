// A process whose wall clock is wrong.

/** Makes `Date` tell a time that is wrong by `offset` milliseconds, in one direction and then in the other. */
export function setWrong(offset: number): void {
  const right = Date.now.bind(Date)
  let wrongBy = offset
  const RightDate = Date
  const tell = (): number => right() + wrongBy
  globalThis.Date = new Proxy(RightDate, {
    construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [tell()] : args, self) as object,
    get: (target, name, self) => (name === 'now' ? tell : (Reflect.get(target, name, self) as unknown)),
  })
  setInterval(() => (wrongBy = -wrongBy), 130).unref()
}
