/** Header fields to be sent: names as they are written, in order. */
export type HeaderList = readonly (readonly [name: string, value: string])[]

export const NO_HEADERS: HeaderList = []

/** Header fields that were received. */
export class Headers {
  /** Names in lower case and values, by turns. */
  private readonly fields: string[] = []

  /** @param name in lower case. */
  add(name: string, value: string): void {
    this.fields.push(name, value)
  }

  /** The first value. @param name in lower case. */
  get(name: string): string | undefined {
    const { fields } = this
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] === name) return fields[i + 1]
    }
    return undefined
  }

  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    const { fields } = this
    for (let i = 0; i < fields.length; i += 2) yield [fields[i]!, fields[i + 1]!]
  }
}
