// Knows whether a request has content.

import { valueOf } from './fields.ts'
import type { Fields } from './fields.ts'

/** Whether a request has content: exactly when one of these says so. RFC 9112 §6.3 */
export function hasContent(requestFields: Fields): boolean {
  return valueOf(requestFields, 'transfer-encoding') !== undefined || (valueOf(requestFields, 'content-length') ?? '0') !== '0'
}
