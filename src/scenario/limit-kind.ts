/** What kept a workload from going faster, as it was measured in a run. */
export const LIMIT_KINDS = [
  'link',
  'receive-softirq-core',
  'receive-core',
  'send-core',
  'window',
  'loss',
  'application',
  'round-trip',
  'unknown',
] as const

export type LimitKind = (typeof LIMIT_KINDS)[number]
