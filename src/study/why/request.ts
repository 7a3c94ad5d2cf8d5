import type { EndpointRef, Scenario } from '../../scenario/model.ts'
import { parseIpv4 } from '../../wire/ipv4-address.ts'

export type ProbeProtocol = 'icmp' | 'udp' | 'tcp'

export interface ProbeRequest {
  /** A container or a host. */
  readonly from: string
  /** A container, a host or an address. */
  readonly to: string
  /** When it is sent, picoseconds; null: just before the first workload begins. */
  readonly at: number | null
  readonly protocol: ProbeProtocol
  readonly port: number
  /** Payload bytes; of TCP those that the connection carries. */
  readonly size: number
  readonly dontFragment: boolean
  readonly ttl: number
}

export interface ProbeProblem {
  readonly problem: string
}

const NAMES_SHOWN = 12

export function endOf(scenario: Scenario, text: string): EndpointRef | null {
  if (scenario.containers.some(({ name }) => name === text))
    return { kind: 'container', name: text }
  if (scenario.hosts.some(({ name }) => name === text)) return { kind: 'host', name: text }
  const address = parseIpv4(text)
  return address === null ? null : { kind: 'address', address }
}

export function unknownEnd(scenario: Scenario, flag: string, text: string): ProbeProblem {
  const names = [...scenario.containers, ...scenario.hosts].map(({ name }) => name)
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const rest = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : ''
  return {
    problem: `${flag} ${text}: there is no such container or host; there are ${shown}${rest}`,
  }
}
