// The films of vega-datasets, and the known faults of that file, mended: the database takes them from here.

import { readFile } from 'node:fs/promises'

/** A film as it goes into the database; what the data does not say is null. Money is in US dollars. */
export interface FilmRecord {
  /** The film's place in the file, from 1. */
  readonly id: number
  readonly title: string
  /** ISO 8601, such as "1998-06-12". */
  readonly released: string
  readonly genre: string | null
  readonly director: string | null
  readonly distributor: string | null
  readonly source: string | null
  readonly style: string | null
  readonly mpaa: string | null
  readonly minutes: number | null
  readonly budget: number | null
  readonly us_gross: number | null
  readonly world_gross: number | null
  readonly tomatoes: number | null
  readonly imdb: number | null
  readonly imdb_votes: number | null
}

type Raw = Readonly<Record<string, string | number | null>>

/** Reads the 3,201 films. */
export async function readFilms(): Promise<FilmRecord[]> {
  const file = new URL('../data/movies.json', import.meta.resolve('vega-datasets'))
  const raws = JSON.parse(await readFile(file, 'utf8')) as Raw[]
  return raws.map(mend)
}

function mend(raw: Raw, index: number): FilmRecord {
  return {
    id: index + 1,
    // The file has one film without a title: "Unknown" (2006), which somebody's import took for a missing value.
    title: text(raw['Title']) ?? 'Unknown',
    released: date(String(raw['Release Date'])),
    genre: text(raw['Major Genre']),
    director: text(raw['Director']),
    distributor: text(raw['Distributor']),
    source: text(raw['Source']),
    style: text(raw['Creative Type']),
    mpaa: text(raw['MPAA Rating']),
    minutes: number(raw['Running Time min']),
    budget: number(raw['Production Budget']),
    // A gross of 0 is one that nobody reported.
    us_gross: number(raw['US Gross']) || null,
    world_gross: number(raw['Worldwide Gross']) || null,
    tomatoes: number(raw['Rotten Tomatoes Rating']),
    imdb: number(raw['IMDB Rating']),
    imdb_votes: number(raw['IMDB Votes']),
  }
}

function number(value: string | number | null | undefined): number | null {
  return typeof value === 'number' ? value : null
}

function text(value: string | number | null | undefined): string | null {
  if (value === null || value === undefined) return null
  // Titles such as 300 and 2012 came as numbers.
  return [...String(value)]
    .map((letter) => meant.get(letter) ?? letter)
    .join('')
    .replace(/\s+/g, ' ')
}

const lastYear = 2011
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** "Dec 31 2046" is 1946: years before 1950 were two digits once. */
function date(written: string): string {
  const [month = '', day = '', year = ''] = written.split(' ')
  const century = Number(year) > lastYear ? 100 : 0
  return [Number(year) - century, String(months.indexOf(month) + 1).padStart(2, '0'), day].join('-')
}

/** Letters beyond ASCII were Latin-1 bytes read as Macintosh ones ("LÈon"): what stands there, and the letter that was meant. */
const meant: ReadonlyMap<string, string> = new Map([
  ['Ö', '…'],
  ...Array.from({ length: 96 }, (_, index) => 160 + index).map((byte): [string, string] => [
    new TextDecoder('macintosh').decode(Uint8Array.of(byte)),
    String.fromCharCode(byte),
  ]),
])
