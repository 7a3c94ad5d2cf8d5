import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { CONSUL_LAN, SERF_DEFAULTS } from '../../gossip/serf/config.ts'
import type { SerfEvent } from '../../gossip/serf/events.ts'
import type { Member } from '../../gossip/serf/members.ts'
import { Serf } from '../../gossip/serf/serf.ts'
import type { Program } from '../../program/program.ts'
import { type ConsulSettings, DATACENTER, SERF_LAN_PORT, SERVER_PORT } from '../settings.ts'

/** An agent, by its node's name and the address that it advertises. */
export interface ConsulNode {
  readonly name: string
  readonly address: Ipv4Address
}

/** retry_interval. */
const RETRY_INTERVAL = 30 * SECOND

/** What the members of the pool know of each other. Source: consul agent/consul/{client,server}_serf.go. */
function tagsOf({ version }: ConsulSettings, role: Role): ReadonlyMap<string, string> {
  const shared = [
    ['role', role],
    ['dc', DATACENTER],
    ['segment', ''],
    ['vsn', '2'],
    ['vsn_min', '2'],
    ['vsn_max', '3'],
    ['build', version],
  ] as const
  return new Map(role === 'node' ? shared : [...shared, ['port', String(SERVER_PORT)]])
}

type Role = 'node' | 'consul'

export function isServer({ tags }: Member): boolean {
  return tags.get('role') === 'consul'
}

/**
 * Starts an agent's part of the LAN pool, which joins by way of the servers (retry_join).
 * @param peers without the agent itself. @returns null when the port is taken.
 */
export function startLan(
  program: Program,
  node: ConsulNode,
  role: Role,
  settings: ConsulSettings,
  peers: readonly ConsulNode[],
  onEvent: (event: SerfEvent) => void,
): Serf | null {
  const tags = tagsOf(settings, role)
  const { reconnectTimeout } = settings
  const config = { ...SERF_DEFAULTS, ...CONSUL_LAN, ...node, tags, reconnectTimeout }
  const serf = Serf.start(program, config, onEvent)
  if (serf !== null && peers.length > 0) program.spawn(join(serf, peers))
  return serf
}

function* join(serf: Serf, peers: readonly ConsulNode[]): Process {
  const endpoints = peers.map(({ address }) => ({ address, port: SERF_LAN_PORT }))
  while ((yield* serf.join(endpoints, true)) === 0) yield* sleep(RETRY_INTERVAL)
}
