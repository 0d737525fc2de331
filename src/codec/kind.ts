// Knows what a class's instances need to become a marked list and come back.

/** What a kind may ask for while one of its instances becomes a list. */
export interface Down {
  /** A part as JSON keeps it; `key` says where it lies, for messages. */
  part(key: unknown, value: unknown): unknown
  /** All enumerable properties of its own, as JSON keeps them. */
  properties(value: object): Record<string, unknown>
  /** Sets bytes apart: they follow the text as they are. */
  attach(bytes: Uint8Array): void
  /** Ends the encoding with an error that says where the value lies. */
  refuse(why: string): never
}

/** What a kind may ask for while a list becomes an instance again. Parts come up in the order in which they went down. */
export interface Up {
  part(tree: unknown): unknown
  /** Makes the instance known before its parts are asked for: they may refer to it. */
  keep(id: number, instance: object): void
  /** Gives the instance the properties of a tree, whatever their names, without setting anything off. */
  define(instance: object, tree: unknown, enumerable: boolean): void
  /** A copy of the next bytes that were set apart. */
  take(length: unknown): ArrayBuffer
}

export type MarkedList = [mark: string, ...parts: unknown[]]

/** How the instances of one class become lists and come back. */
export interface Kind {
  /** A tilde, then a capital or a colon. */
  readonly mark: string
  readonly prototype: object | null
  /** Set where an instance is made after its parts, which therefore cannot refer to it. */
  readonly last?: true
  lower(value: never, down: Down): MarkedList
  raise(list: Readonly<MarkedList>, up: Up, id: number): object
}

/** Kinds by prototype. */
export type Kinds = ReadonlyMap<object | null, Kind>
