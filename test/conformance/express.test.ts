// The public suite of HTTP cache tests against Express.
import { describeConformance } from './compare.ts'
import { forwardingApp } from './express.ts'

describeConformance('Express', (cache, port) => forwardingApp(cache, port, false))
