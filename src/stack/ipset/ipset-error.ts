/** What ipset answers to a command that it does not take: an error of the caller, never of a run. */
export class IpsetError extends Error {
  /** The word at which the command is wrong; empty when something is missing at its end. */
  readonly word: string
  /** Line of a restored text, from 1; null for a command. */
  readonly line: number | null

  constructor(reason: string, word: string, line: number | null = null) {
    super(line === null ? `ipset: ${reason}` : `ipset: Error in line ${line}: ${reason}`)
    this.name = 'IpsetError'
    this.reason = reason
    this.word = word
    this.line = line
  }

  private readonly reason: string

  /** The same error, told of the line on which it happened. */
  onLine(line: number): IpsetError {
    return new IpsetError(this.reason, this.word, line)
  }
}
