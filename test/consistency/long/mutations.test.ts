// Whether the checker finds what is broken: one guarantee at a time, in a copy of the build.
import { afterAll, beforeAll, test } from 'vitest'
import { newBuild, type Build } from '../build.ts'
import { expectFound } from '../expectations.ts'
import { mutations } from '../mutations.ts'

let build: Build
beforeAll(async () => {
  build = await newBuild()
})
afterAll(() => build[Symbol.asyncDispose]())

const onlyAnId = mutations.find(({ name }) => name === 'the replication id of the server is not compared')!

test.each(['sentinel', 'cluster'] as const)('of a %s: the checker finds out when its replication ids are not compared', (servers) =>
  expectFound(build, { ...onlyAnId, schedule: { ...onlyAnId.schedule, servers, length: 1 } }),
)

test.each(mutations)('$breaks: the checker finds out when $name', (mutation) => expectFound(build, mutation))
