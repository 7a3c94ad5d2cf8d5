/** A queue in a circular array, which grows and never shrinks. */
export class Ring<T> {
  private items: (T | undefined)[] = new Array(16).fill(undefined)
  private head = 0
  length = 0

  push(item: T): void {
    if (this.length === this.items.length) this.grow()
    this.items[(this.head + this.length++) & (this.items.length - 1)] = item
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.items[this.head]
    this.items[this.head] = undefined
    this.head = (this.head + 1) & (this.items.length - 1)
    this.length--
    return item
  }

  clear(): void {
    this.items.fill(undefined)
    this.head = 0
    this.length = 0
  }

  private grow(): void {
    const { items, head } = this
    this.items = items
      .slice(head)
      .concat(items.slice(0, head), new Array(items.length).fill(undefined))
    this.head = 0
  }
}
