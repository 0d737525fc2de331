// A process of the HTTP benchmarks: asks a server as fast as it answers, over 50 connections that are kept, and counts.
import autocannon from 'autocannon'
import { answer } from './child.ts'

/** What is asked, and what has to come. */
export interface Load {
  readonly url: string
  readonly headers: Record<string, string>
  readonly seconds: number
  readonly status: number
  /** Compared with every answer's; else only their number is looked at. It costs the comparing process too much to do it while it measures. */
  readonly body?: string
}

/** What came of it. */
export interface Loaded {
  readonly requests: number
  readonly seconds: number
}

answer({
  async load({ url, headers, seconds, status, body }: Load): Promise<Loaded> {
    const expected = body === undefined ? {} : { expectBody: body }
    const result = await autocannon({ url, headers, connections: 50, pipelining: 1, duration: seconds, sampleInt: 50, ...expected })
    const { errors, mismatches, statusCodeStats } = result as typeof result & { statusCodeStats: Record<string, unknown> }
    const statuses = Object.keys(statusCodeStats).join()
    if (errors > 0 || mismatches > 0 || statuses !== `${status}`)
      throw new Error(`${errors} errors, ${mismatches} wrong bodies, statuses ${statuses} in place of ${status}`)
    return { requests: result.requests.total, seconds: (result.finish.getTime() - result.start.getTime()) / 1000 }
  },
})
