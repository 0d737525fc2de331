// Knows how one suite runs, in a process of its own: what others have loaded and compiled does not count.
import { AsyncLocalStorage } from 'node:async_hooks'
import { answer } from './child.ts'
import { suites } from './suites.ts'

answer({
  async run() {
    const { suite } = await suites[process.argv[2]!]!()
    // On Node 20 the first use of an AsyncLocalStorage makes every await of the process dearer: for all cases, or for none.
    const measured = await new AsyncLocalStorage<true>().run(true, () => suite.run())
    return { title: suite.title, ...measured }
  },
})
