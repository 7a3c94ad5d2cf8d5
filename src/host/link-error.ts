/** What the kernel answers to a request about a link that it refuses. */
export type LinkErrno =
  | 'EADDRINUSE'
  | 'EADDRNOTAVAIL'
  | 'EBUSY'
  | 'EEXIST'
  | 'EINVAL'
  | 'ELOOP'
  | 'ENODEV'
  | 'ENOENT'
  | 'EOPNOTSUPP'
  | 'ERANGE'
  | 'EXFULL'

/** A refused request: a value, not an exception, for daemons meet it in life and go on. */
export class LinkError {
  readonly errno: LinkErrno
  readonly message: string

  constructor(errno: LinkErrno, message: string) {
    this.errno = errno
    this.message = message
  }

  toString(): string {
    return `${this.errno}: ${this.message}`
  }
}
