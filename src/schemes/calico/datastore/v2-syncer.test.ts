import { describe, expect, it } from 'vitest'
import { FakeServers } from '../../../../test/control/fake-servers.ts'
import type { HttpHandler } from '../../../control/http/server.ts'
import { type Process, sleep } from '../../../sim/process.ts'
import { SECOND } from '../../../sim/units.ts'
import type { Update } from './model.ts'
import { V2Datastore } from './v2-datastore.ts'

const PORT = 2379
const HOSTS = '/calico/bgp/v1/host'

type Leaf = readonly [path: string, value: string, index: number]
/** What the store answers next: its status, X-Etcd-Index and body; null = nothing for a minute. */
type Answer = readonly [status: number, index: number, body: unknown] | null

const leaf = ([key, value, modifiedIndex]: Leaf) => ({ key, value, modifiedIndex })
const tree = (index: number, ...leaves: Leaf[]): Answer => [
  200,
  index,
  { action: 'get', node: { key: '/calico/bgp/v1', dir: true, nodes: leaves.map(leaf) } },
]
const event = (action: string, ...of: Leaf): Answer => [200, of[2], { action, node: leaf(of) }]
const missed: Answer = [
  400,
  2000,
  { errorCode: 401, message: 'The event in requested index is outdated and cleared', index: 2000 },
]

/** Follows nodes and the cluster's BGP. @returns what the receiver was told, and what the store was asked. */
function follow(answers: readonly Answer[]) {
  const left = [...answers]
  const handler: HttpHandler = function* (_request, exchange) {
    const answer = left.shift() ?? null
    if (answer === null) return void (yield* sleep(60 * SECOND))
    const [status, index, body] = answer
    const headers = [['X-Etcd-Index', String(index)]] as const
    yield* exchange.reply(status, headers, JSON.stringify(body))
  }
  const fakes = new FakeServers(1, PORT, () => handler)
  const told: (string | Update)[] = []
  const datastore = new V2Datastore(fakes.client, fakes.addresses)
  const body: Process = datastore.follow([{ kind: 'Node' }, { kind: 'BGPConfiguration' }], {
    onUpdates: (updates) => told.push(...updates),
    onInSync: () => told.push('in sync'),
  })
  fakes.run(body, 10 * SECOND)
  const brief = told.map((one) => (typeof one === 'string' ? one : summary(one)))
  return { brief, asked: fakes.requests.map((line) => line.replace(/^2 GET \/v2\/keys/, '')) }
}

function summary({ kind, key, value }: Update): string {
  if (kind !== 'Node') return `${kind} ${value === null ? 'gone' : 'there'}`
  return `${key} ${value === null ? 'gone' : JSON.stringify(value.spec.bgp)}`
}

describe('the v2 syncer', () => {
  it('reads a directory once for all its roots, and polls from behind what it read', () => {
    const { brief, asked } = follow([
      tree(
        40,
        [`${HOSTS}/h1/ip_addr_v4`, '10.0.0.1', 7],
        [`${HOSTS}/h1/network_v4`, '10.0.0.0/24', 8],
      ),
      event('set', `${HOSTS}/h1/as_num`, '65001', 41),
      event('create', '/calico/bgp/v1/global/node_mesh', '{"enabled":false}', 42),
    ])
    expect(asked).toEqual([
      '/calico/bgp/v1?quorum=false&recursive=true&sorted=false',
      ...[41, 42, 43].map((index) => `/calico/bgp/v1?recursive=true&wait=true&waitIndex=${index}`),
    ])
    expect(brief).toEqual([
      'h1 {"ipv4Address":"10.0.0.1/24"}',
      'in sync',
      'h1 {"ipv4Address":"10.0.0.1/24","asNumber":65001}',
      'BGPConfiguration there',
    ])
  })

  it('reads again when it has missed events, and tells what differs', () => {
    const kept: Leaf = [`${HOSTS}/kept/ip_addr_v4`, '10.0.0.1', 7]
    const { brief, asked } = follow([
      tree(
        40,
        kept,
        [`${HOSTS}/gone/ip_addr_v4`, '10.0.0.2', 8],
        [`${HOSTS}/moved/ip_addr_v4`, '10.0.0.3', 9],
      ),
      missed,
      tree(2001, kept, [`${HOSTS}/moved/ip_addr_v4`, '10.0.0.4', 1500]),
    ])
    expect(asked.at(-1)).toContain('waitIndex=2002')
    expect(brief.slice(brief.indexOf('in sync') + 1)).toEqual([
      'gone gone',
      'moved {"ipv4Address":"10.0.0.4/32"}',
    ])
  })

  it('takes all keys of a directory for gone that went or expired as a whole', () => {
    const h1: Leaf[] = [
      [`${HOSTS}/h1/ip_addr_v4`, '10.0.0.1', 7],
      [`${HOSTS}/h1/network_v4`, '10.0.0.0/24', 8],
    ]
    const { brief } = follow([
      tree(40, ...h1, [`${HOSTS}/h10/ip_addr_v4`, '10.0.0.2', 9]),
      [200, 41, { action: 'delete', node: { key: `${HOSTS}/h1`, dir: true, modifiedIndex: 41 } }],
      event('expire', `${HOSTS}/h10/ip_addr_v4`, '', 42),
    ])
    expect(brief.slice(3)).toEqual(['h1 gone', 'h10 gone'])
  })

  it('begins with nothing where there is no such directory, and tries again after a failure', () => {
    const { brief, asked } = follow([
      [404, 3, { errorCode: 100, message: 'Key not found', index: 3 }],
      [503, 3, {}],
      event('set', `${HOSTS}/h1/ip_addr_v4`, '10.0.0.1', 4),
    ])
    expect(asked.slice(1, 3).map((line) => line.replace(/.*waitIndex=/, ''))).toEqual(['4', '4'])
    expect(brief).toEqual(['in sync', 'h1 {"ipv4Address":"10.0.0.1/32"}'])
  })
})
