import { describe } from 'vitest'
import { frameworks } from './koa.ts'
import { routeSuite } from './suite.ts'

for (const framework of frameworks) describe(framework.name, () => routeSuite(framework))
