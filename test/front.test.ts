// The promises of `front`: what is answered in front of an application, what never is, and until when.
import { describe } from 'vitest'
import { bounds } from './front/bounds.ts'
import { clears } from './front/clears.ts'
import { fields } from './front/fields.ts'
import { hits } from './front/hits.ts'
import { http2, options } from './front/http2.ts'
import { layers } from './front/layers.ts'
import { processes } from './front/processes.ts'
import { refusals } from './front/refusals.ts'
import { urls } from './front/urls.ts'
import { variants } from './front/variants.ts'
import { frameworks as express } from './routes/express.ts'
import { frameworks as koa } from './routes/koa.ts'

describe.each([express[1]!, koa[1]!])('$name', (framework) => {
  hits(framework)
  clears(framework)
  refusals(framework)
  variants(framework)
  urls(framework)
  layers(framework)
  bounds(framework)
  processes(framework)
  fields(framework)
})

http2()
options()
