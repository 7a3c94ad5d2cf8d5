import type { Ledger } from '../src/measure/ledger.ts'

/** What a run should have come to. */
export interface Expected {
  /** Packets that the generators say they sent, and how many they were to send. */
  readonly sent: number
  readonly toSend: number
  /** Of those sent, the ones that reached their application. */
  readonly delivered: number
  /** Packet-hops by the formula of the load; null where there is none. */
  readonly hops: number | null
}

/** Why a run does not count: empty when the books balance and every packet arrived. */
export function faultsOf(ledger: Ledger, expected: Expected): string[] {
  const { sent, toSend, delivered, hops } = expected
  const faults: string[] = []
  const imbalance = ledger.imbalance()
  if (imbalance !== 0) faults.push(`the ledger is out of balance by ${imbalance} frames`)
  if (ledger.held() !== 0) faults.push(`${ledger.held()} frames are still held`)
  if (sent !== toSend) faults.push(`${sent} packets were sent, not ${toSend}`)
  if (delivered !== sent) faults.push(`${delivered} of ${sent} packets were delivered`)
  for (const [reason, count] of ledger.dropsByReason('loss')) {
    faults.push(`${count} frames were lost: ${reason}`)
  }
  if (hops !== null && ledger.hops !== hops) {
    faults.push(`${ledger.hops} packet-hops, but the load has ${hops}`)
  }
  return faults
}
