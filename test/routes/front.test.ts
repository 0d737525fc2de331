// The promises of cached routes where their hits are answered in front of the framework.
import { describe } from 'vitest'
import { fronted as express } from './express.ts'
import { fronted as koa } from './koa.ts'
import { routeSuite } from './suite.ts'

for (const framework of [...express, ...koa]) describe(framework.name, () => routeSuite(framework))
