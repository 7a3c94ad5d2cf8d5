import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import type { Process } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { ipv4 } from '../../wire/ipv4-address.ts'
import { HttpClient } from '../http/client.ts'
import { HttpError } from '../http/http-error.ts'
import { Program } from '../program/program.ts'
import { KubeClient } from './client.ts'
import { KubeCluster } from './cluster.ts'
import { NodeInformer } from './informer.ts'
import { mergePatch, type NodeRecord } from './node.ts'
import { NodeIpam } from './node-ipam.ts'
import { registerNode } from './register-node.ts'

/** An API server on h1, clients on h2 and h3. */
class Bench {
  readonly hosts: HostsOnSwitch
  readonly cluster: KubeCluster

  constructor(costs?: string) {
    this.hosts = new HostsOnSwitch(3, costs === undefined ? {} : { costs: COST_PROFILES[costs]! })
    this.cluster = new KubeCluster({ name: 'store-1', host: this.hosts.host(1) })
    this.cluster.start()
  }

  get server() {
    return this.cluster.addressesFor()[0]!
  }

  get member() {
    return this.cluster.members[0]!
  }

  program(host: number, name = 'client'): Program {
    return new Program(this.hosts.host(host).root, name)
  }

  run(duration: number): void {
    const { simulator } = this.hosts
    simulator.run(simulator.now + duration)
  }

  /** One request over HTTP. */
  ask(method: string, path: string, body: object | null = null): { code: number; json: unknown } {
    const program = this.program(2, 'curl')
    const seen = { code: 0, json: null as unknown }
    const { server } = this
    program.spawn(
      (function* (): Process {
        const content = body === null ? {} : { body: JSON.stringify(body) }
        const http = new HttpClient(program)
        const answer = yield* http.request({ ...server, method, path, ...content })
        if (answer instanceof HttpError) throw new Error(answer.text)
        seen.code = answer.status
        seen.json = answer.text === '' ? null : JSON.parse(answer.text.split('\n')[0]!)
      })(),
    )
    this.run(SECOND)
    program.kill()
    return seen
  }

  node(name: string): NodeRecord {
    return this.ask('GET', `/api/v1/nodes/${name}`).json as NodeRecord
  }

  /** What an informer on h3 tells, one word each. */
  inform(): { seen: string[]; informer: NodeInformer; program: Program } {
    const program = this.program(3, 'informer')
    const seen: string[] = []
    const informer = new NodeInformer(new KubeClient(program, this.server), {
      added: ({ metadata }) => seen.push(`+${metadata.name}`),
      updated: (_, { metadata }) => seen.push(`~${metadata.name}`),
      deleted: ({ metadata }) => seen.push(`-${metadata.name}`),
    })
    program.spawn(informer.run())
    return { seen, informer, program }
  }
}

const NODES = '/api/v1/nodes'
const named = (name: string, rest: object = {}) => ({ metadata: { name }, ...rest })

describe('the API server', () => {
  it('creates, lists, patches and deletes, and counts its changes', () => {
    const bench = new Bench('server-2020s')
    expect(bench.ask('POST', NODES, named('b')).code).toBe(201)
    expect(bench.ask('POST', NODES, named('a')).code).toBe(201)
    const annotations = { 'x/y': '1' }
    const patched = bench.ask('PATCH', `${NODES}/a/status`, { metadata: { annotations } })
    expect(patched).toMatchObject({ code: 200, json: { metadata: { annotations, name: 'a' } } })
    expect(bench.ask('GET', `${NODES}?limit=500&resourceVersion=0`)).toEqual({
      code: 200,
      json: {
        kind: 'NodeList',
        apiVersion: 'v1',
        metadata: { resourceVersion: '4' },
        items: [
          {
            kind: 'Node',
            apiVersion: 'v1',
            metadata: {
              name: 'a',
              creationTimestamp: '2024-01-01T00:00:01Z',
              resourceVersion: '4',
              annotations,
            },
            spec: {},
            status: {},
          },
          expect.objectContaining({ metadata: expect.objectContaining({ name: 'b' }) }),
        ],
      },
    })
    expect(bench.ask('DELETE', `${NODES}/b`).code).toBe(200)
    expect(bench.node('b')).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound' })
    expect(bench.member.keys().map(({ key, revision }) => [key, revision])).toEqual([
      ['/registry/minions/a', 4],
    ])
    bench.hosts.expectBalance()
  })

  it.each([
    ['POST', NODES, named('a'), 409],
    ['POST', NODES, { metadata: {} }, 400],
    ['PATCH', `${NODES}/nobody`, {}, 404],
    ['DELETE', `${NODES}/nobody`, null, 404],
    ['PUT', NODES, null, 405],
    ['PUT', `${NODES}/a`, null, 405],
    ['GET', '/api/v1/pods', null, 404],
  ])('answers %s %s %j with %d', (method, path, body, code) => {
    const bench = new Bench()
    bench.ask('POST', NODES, named('a'))
    expect(bench.ask(method, path, body)).toMatchObject({ code, json: { kind: 'Status', code } })
  })

  it('keeps its nodes over a crash, and tells a watch from before that it is too late', () => {
    const bench = new Bench()
    for (const name of ['a', 'b']) bench.ask('POST', NODES, named(name))
    bench.member.crash()
    expect([bench.member.isRunning, bench.member.status()]).toEqual([false, null])
    bench.member.start()
    expect(bench.node('a').metadata.resourceVersion).toBe('2')
    const late = `${NODES}?watch=true&resourceVersion=2&timeoutSeconds=1`
    expect(bench.ask('GET', late).json).toMatchObject({
      type: 'ERROR',
      object: { code: 410, reason: 'Expired' },
    })
    bench.member.disk.lose()
    bench.member.crash()
    bench.member.start()
    expect(bench.node('a')).toMatchObject({ code: 404 })
  })

  it('does one change after the other, also while the disk takes its time', () => {
    const bench = new Bench()
    bench.ask('POST', NODES, named('a'))
    bench.member.disk.setFsync(300 * MILLISECOND)
    const program = bench.program(3)
    for (const key of ['x', 'y']) {
      const client = new KubeClient(program, bench.server)
      program.spawn(client.patch('a', { metadata: { annotations: { [key]: '1' } } }))
    }
    bench.run(SECOND)
    expect(bench.node('a').metadata).toMatchObject({
      annotations: { x: '1', y: '1' },
      resourceVersion: '4',
    })
  })
})

describe('an informer', () => {
  it('lists, follows, and goes on after the server was away', () => {
    const bench = new Bench()
    bench.ask('POST', NODES, named('a'))
    const { seen, informer } = bench.inform()
    bench.run(SECOND)
    bench.ask('POST', NODES, named('b'))
    bench.ask('PATCH', `${NODES}/a`, { spec: { podCIDR: '10.0.0.0/24' } })
    expect(seen).toEqual(['+a', '+b', '~a'])
    bench.member.crash()
    bench.run(5 * SECOND)
    bench.member.start()
    bench.run(30 * SECOND)
    seen.length = 0
    bench.ask('DELETE', `${NODES}/b`)
    expect(seen).toEqual(['-b'])
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['a'])
  })

  it('learns by a list what it has missed', () => {
    const bench = new Bench()
    for (const name of ['a', 'b']) bench.ask('POST', NODES, named(name))
    const { seen } = bench.inform()
    bench.run(SECOND)
    const heal = bench.hosts.partition([1], [3])
    const restart = () => {
      bench.member.crash()
      bench.member.start()
      bench.run(SECOND)
    }
    // The first breaks the watch, the second forgets what was changed meanwhile.
    restart()
    bench.ask('DELETE', `${NODES}/b`)
    bench.ask('POST', NODES, named('c'))
    restart()
    expect(seen).toEqual(['+a', '+b'])
    heal()
    bench.run(120 * SECOND)
    expect(seen.slice(2)).toEqual(['-b', '~a', '+c'])
  })
})

describe('what makes nodes', () => {
  it('registers each and gives it the next block', () => {
    const bench = new Bench()
    const options = { clusterCidr: { base: ipv4('10.244.0.0'), length: 22 }, maskSize: 24 }
    new NodeIpam(bench.program(1, 'ipam'), bench.server, options).start()
    bench.member.crash()
    for (const name of ['n2', 'n1', 'n3', 'n5', 'n4']) {
      const kubelet = bench.program(2, name)
      kubelet.spawn(registerNode(kubelet, bench.server, name, bench.hosts.address(2)))
    }
    bench.run(SECOND)
    bench.member.start()
    bench.run(60 * SECOND)
    const blocks = ['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => bench.node(name).spec.podCIDR)
    const given = blocks.filter((block) => block !== undefined)
    expect([...given].sort()).toEqual([0, 1, 2, 3].map((i) => `10.244.${i}.0/24`))
    expect(blocks).toHaveLength(5)
    expect(bench.node('n1').status.addresses).toEqual([
      { type: 'InternalIP', address: '10.0.0.2' },
      { type: 'Hostname', address: 'n1' },
    ])
    bench.hosts.expectBalance()
  })
})

it('merges patches as RFC 7396 does', () => {
  const target = { a: 'b', c: { d: 'e', f: 'g' }, list: [1, 2] }
  const patch = { a: 'z', c: { f: null, h: { i: null } }, list: [3], n: 1 }
  expect(mergePatch(target, patch)).toEqual({ a: 'z', c: { d: 'e', h: {} }, list: [3], n: 1 })
})
