export const EXIT_FAILED = 1
export const EXIT_BAD_INPUT = 2
export const EXIT_BUG = 3
/** To this a signal's number is added, as shells do. */
export const EXIT_SIGNAL = 128

/** Ends the program with a status; the message, if any, goes to standard error. */
export class ExitError extends Error {
  readonly status: number

  constructor(status: number, message = '') {
    super(message)
    this.status = status
  }
}
