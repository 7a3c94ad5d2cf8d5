/** Why there is no address: what the plugin prints. */
export class IpamError {
  readonly kind: 'no free blocks' | 'refused' | 'store'
  readonly text: string

  constructor(kind: IpamError['kind'], text: string) {
    this.kind = kind
    this.text = text
  }

  /** Another time it may be otherwise. */
  get isStoreFailure(): boolean {
    return this.kind === 'store'
  }
}

/** Somebody else was faster; it is tried again. */
export class Conflict {
  /** The block belongs to another host: another one is to be found. */
  readonly isBlockLost: boolean

  constructor(isBlockLost: boolean) {
    this.isBlockLost = isBlockLost
  }
}
