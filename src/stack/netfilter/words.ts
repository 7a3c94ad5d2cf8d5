/** What iptables answers to a command that it does not take: an error of the caller, never of a run. */
export class IptablesError extends Error {
  /** The word at which the command is wrong; empty when something is missing at its end. */
  readonly word: string
  /** Line of a restored text, from 1; null for a command. */
  readonly line: number | null

  constructor(message: string, word: string, line: number | null = null) {
    super(line === null ? `iptables: ${message}` : `iptables-restore: line ${line}: ${message}`)
    this.name = 'IptablesError'
    this.reason = message
    this.word = word
    this.line = line
  }

  private readonly reason: string

  /** The same error, told of the line on which it happened. */
  onLine(line: number): IptablesError {
    return new IptablesError(this.reason, this.word, line)
  }
}

/**
 * The words of a command as a shell would split them: quotes and backslashes protect what they hold.
 * `--option=value` becomes two words.
 */
export class Words {
  private readonly words: string[]
  private at = 0

  constructor(text: string) {
    this.words = split(text)
  }

  get isAtEnd(): boolean {
    return this.at === this.words.length
  }

  /** The next word, taken; undefined at the end. */
  next(): string | undefined {
    return this.words[this.at++]
  }

  /** The next word, left where it is. */
  peek(): string | undefined {
    return this.words[this.at]
  }

  /** The argument of `option`. Throws IptablesError when there is none. */
  argument(option: string): string {
    const word = this.next()
    if (word === undefined)
      throw new IptablesError(`option "${option}" requires an argument`, option)
    return word
  }
}

function split(text: string): string[] {
  const words: string[] = []
  const pattern = /\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])+)/sy
  let end = 0
  for (;;) {
    pattern.lastIndex = end
    const match = pattern.exec(text)
    if (match === null) break
    end = pattern.lastIndex
    const word = match[1]!
    if (PLAIN.test(word)) words.push(word)
    else words.push(...unquoted(word))
  }
  const rest = text.slice(end).trim()
  if (rest !== '') throw new IptablesError(`quote without an end: ${rest}`, rest)
  return words
}

/** Most words are: nothing in them to be taken apart. */
const PLAIN = /^[^"'\\=]*$/

function unquoted(raw: string): string[] {
  const option = /^(--[a-z-]+)=(.*)$/s.exec(raw)
  if (option !== null) return [option[1]!, strip(option[2]!)]
  return [strip(raw)]
}

function strip(raw: string): string {
  return raw.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
    (_, double?: string, single?: string, escaped?: string) =>
      double?.replace(/\\(.)/gs, '$1') ?? single ?? escaped ?? '',
  )
}

/** Numbers as C reads them: decimal, 0x, and octal after a 0. @returns null for what is none. */
export function parseNumber(text: string, most: number): number | null {
  let value = Number.NaN
  if (/^0x[0-9a-f]+$/i.test(text)) value = Number(text)
  else if (/^0[0-7]+$/.test(text)) value = Number.parseInt(text, 8)
  else if (/^\d+$/.test(text)) value = Number(text)
  return value <= most ? value : null
}

/** xtables_save_string: quotes only where a shell would need them. */
export function quoted(text: string): string {
  return /^[-_0-9A-Za-z]+$/.test(text) ? text : `"${text.replace(/["\\']/g, '\\$&')}"`
}
