// Knows how often handlers have run in this process: a hit is one for which none has.

export const runs = { handler: 0 }
