import { describe } from 'vitest'
import { frameworks } from './express.ts'
import { routeSuite } from './suite.ts'

for (const framework of frameworks) describe(framework.name, () => routeSuite(framework))
