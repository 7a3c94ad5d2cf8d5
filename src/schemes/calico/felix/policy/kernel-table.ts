/** Felix's mark on its rules, and the beginning of its chains' names. */
const HASH_COMMENT = /--comment "cali:([^"]+)"/
export const CHAIN_PREFIX = 'cali-'

/** A rule that stands in the kernel. */
export interface KernelRule {
  /** Felix's hash of it; null where the rule is somebody else's. */
  readonly hash: string | null
  /** As `-D` takes it, without its chain. */
  readonly text: string
}

/** What iptables-save printed: the rules of each chain, by table. */
export function readTables(saved: string): Map<string, Map<string, KernelRule[]>> {
  const tables = new Map<string, Map<string, KernelRule[]>>()
  let chains = new Map<string, KernelRule[]>()
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) {
      chains = new Map()
      tables.set(line.slice(1), chains)
    } else if (line.startsWith(':')) chains.set(line.slice(1, line.indexOf(' ')), [])
    else if (line.startsWith('-A ')) {
      const end = line.indexOf(' ', 3)
      const text = end < 0 ? '' : line.slice(end + 1)
      const chain = line.slice(3, end < 0 ? undefined : end)
      chains.get(chain)!.push({ hash: HASH_COMMENT.exec(text)?.[1] ?? null, text })
    }
  }
  return tables
}

/** The rule with the comment by which Felix knows it again. */
export function withHash(rule: string, hash: string): string {
  return `-m comment --comment "cali:${hash}" ${rule}`
}
