import { textOf } from './text.ts'

/** More than go round at a time when every watcher of a store is told of a batch of changes. */
const KEPT = 32

interface Line {
  readonly bytes: Uint8Array
  readonly text: string
}

/**
 * The lines that were read last. Who serves many streams writes the same bytes to all of them, and content that
 * was sent is never copied nor changed: it is known by where it stands in memory, and decoded once for all. The
 * text is then one string too, which is found in other tables without a look at its characters.
 */
const recent: Line[] = []
let next = 0

/** The text of a line's UTF-8. */
export function textOfLine(bytes: Uint8Array): string {
  for (const line of recent) if (isSame(line.bytes, bytes)) return line.text
  const text = textOf(bytes)
  recent[next] = { bytes, text }
  next = (next + 1) % KEPT
  return text
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteOffset === b.byteOffset && a.length === b.length && a.buffer === b.buffer
}
