// What a door to the engine needs beyond the public names: the route cache is one. Not part of the package's API.

export { engineOf } from './cache.ts'
export { branded } from './clearable.ts'
export { show, toLifetime, toMilliseconds } from './duration.ts'
export { openEngines, type Engine } from './engine.ts'
export type { Entry } from './entry.ts'
export type { Place, StoreOption } from './entries.ts'
export { isPlainObject, keyOf } from './key.ts'
export { longestOf, type Also, type Call, type Loaded, type StaleWindows, type WholeLoad as Load } from './call.ts'
export { Calls } from './calls.ts'
export { checkChoice, checkFunction, checkNames, toBoolean, toLimit, toVersion } from './options.ts'
export { placeOf } from './place.ts'
export { groupRef, patternRef, uriRef, wholeRef } from './ref.ts'
