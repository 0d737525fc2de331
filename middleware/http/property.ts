// Knows how a property is read of a request or a response, of which each may have a shape of its own.

/**
 * A property of a request or a response. Express puts a prototype under each, and from then on V8 gives it a shape that nothing else has. Where
 * the source names the property, V8 keeps for each shape where it is found, and never comes back to it; here it only looks.
 */
export function propertyOf<Message extends object, Name extends keyof Message>(message: Message, name: Name): Message[Name] {
  return Reflect.get(message, name)
}
