// The web page: the files of `public`, read once.

import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'

/** A file of the page, ready to be sent. */
export interface PageFile {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** The files by the path that they are asked for, such as "/style.css"; "/" is the page itself. */
export type Page = ReadonlyMap<string, PageFile>

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Reads the page. */
export async function readPage(): Promise<Page> {
  const folder = new URL('public/', import.meta.url)
  const files = (await readdir(folder)).map(async (name): Promise<[string, PageFile]> => {
    const headers = {
      'content-type': types[extname(name)] ?? 'application/octet-stream',
      'cache-control': 'no-cache',
      'content-security-policy': "default-src 'self'",
    }
    return [name === 'index.html' ? '/' : `/${name}`, { body: await readFile(new URL(name, folder)), headers }]
  })
  return new Map(await Promise.all(files))
}
