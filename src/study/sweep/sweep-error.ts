/** What the caller of a sweep did wrong, or what stands in its way; the message says what to do. */
export class SweepError extends Error {}
