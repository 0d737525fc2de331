// The record that a process writes of what it does: it is in the file before the operation goes on, however the process ends.
import { openSync, writeSync } from 'node:fs'
import type { Line } from './history.ts'

export type Recorder = (line: Line) => void

export function newRecorder(file: string): Recorder {
  const record = openSync(file, 'a')
  return (line) => void writeSync(record, `${JSON.stringify(line)}\n`)
}
