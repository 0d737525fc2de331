// The public suite of HTTP cache tests against hits in front of Express.
import { front } from '../../middleware/express.ts'
import { describeConformance } from './compare.ts'
import { forwardingApp } from './express.ts'

describeConformance('Express, in front', (cache, port) => front(cache, forwardingApp(cache, port, true)))
