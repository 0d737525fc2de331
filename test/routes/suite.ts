// The promises of cached routes that hold in every framework.
import { conditions } from './conditions.ts'
import { departing } from './departing.ts'
import { dependencies } from './dependencies.ts'
import { directives } from './directives.ts'
import type { Framework } from './framework.ts'
import { groups } from './groups.ts'
import { held } from './held.ts'
import { hits } from './hits.ts'
import { hosts } from './hosts.ts'
import { keys } from './keys.ts'
import { owners } from './owners.ts'
import { hostile } from './hostile.ts'
import { identity } from './identity.ts'
import { leavers } from './leavers.ts'
import { lifetimes } from './lifetimes.ts'
import { mutations } from './mutations.ts'
import { posts } from './posts.ts'
import { ranges } from './ranges.ts'
import { revalidation } from './revalidation.ts'
import { redisRoutes } from './redis.ts'
import { refreshing } from './refreshing.ts'
import { refusals } from './refusals.ts'
import { status } from './status.ts'
import { stores } from './stores.ts'
import { unheard } from './unheard.ts'
import { unfinished } from './unfinished.ts'
import { spellings } from './spellings.ts'
import { variants } from './variants.ts'
import { waiting } from './waiting.ts'
import { withheld } from './withheld.ts'

export function routeSuite(framework: Framework): void {
  hits(framework)
  hosts(framework)
  lifetimes(framework)
  conditions(framework)
  refusals(framework)
  departing(framework)
  identity(framework)
  keys(framework)
  owners(framework)
  hostile(framework)
  spellings(framework)
  waiting(framework)
  dependencies(framework)
  unfinished(framework)
  leavers(framework)
  unheard(framework)
  directives(framework)
  mutations(framework)
  held(framework)
  posts(framework)
  ranges(framework)
  variants(framework)
  groups(framework)
  status(framework)
  revalidation(framework)
  withheld(framework)
  refreshing(framework)
  redisRoutes(framework)
  stores(framework)
}
