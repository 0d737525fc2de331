// TLS without a certificate: both sides know a key, which no other test has.
import { randomBytes } from 'node:crypto'
import type { ConnectionOptions, TlsOptions } from 'node:tls'

const psk = randomBytes(32)
const shared = { ciphers: 'PSK', minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const

/** What a server needs to be asked by `SECURE_CLIENT`. */
export const SECURE_SERVER: TlsOptions = { ...shared, pskCallback: () => psk }

/** What a client needs to ask such a server. */
export const SECURE_CLIENT: ConnectionOptions = {
  ...shared,
  pskCallback: () => ({ psk, identity: 'test' }),
  checkServerIdentity: () => undefined,
}
