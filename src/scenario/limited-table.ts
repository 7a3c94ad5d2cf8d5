/** Tables with a limit that a growing network fills. */
export const LIMITED_TABLES = [
  'switch-mac',
  'port-security',
  'nic-filter',
  'neighbours',
  'router-arp',
  'router-fib',
  'bridge-ports',
] as const

export type LimitedTable = (typeof LIMITED_TABLES)[number]
