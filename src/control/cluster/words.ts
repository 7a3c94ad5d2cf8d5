import type { Append, Entry, Message } from '../raft/types.ts'
import type { PeerWords } from './peer-link.ts'

/** Entries whose text is kept. A power of two. */
const KEPT = 1 << 10

/** JSON of what members tell each other. A leader tells each follower the same entries: their text is made once. */
export class WordsWriter {
  /** By the low bits of the index. */
  private readonly kept: ({ readonly entry: Entry; readonly text: string } | undefined)[] = []

  write({ messages, proposals }: PeerWords): string {
    let text = ''
    for (const message of messages) text += (text === '' ? '' : ',') + this.messageText(message)
    return `{"messages":[${text}],"proposals":${JSON.stringify(proposals)}}`
  }

  private messageText(message: Message): string {
    return message.type === 'append' ? this.appendText(message) : JSON.stringify(message)
  }

  private appendText({ from, to, term, index, logTerm, entries, commit }: Append): string {
    const ends = `"from":${JSON.stringify(from)},"to":${JSON.stringify(to)}`
    let list = ''
    for (const entry of entries) list += (list === '' ? '' : ',') + this.entryText(entry)
    return (
      `{"type":"append",${ends},"term":${term},"index":${index},"logTerm":${logTerm},` +
      `"entries":[${list}],"commit":${commit}}`
    )
  }

  private entryText(entry: Entry): string {
    const slot = entry.index & (KEPT - 1)
    const latest = this.kept[slot]
    if (latest?.entry === entry) return latest.text
    const text = JSON.stringify(entry)
    this.kept[slot] = { entry, text }
    return text
  }
}
