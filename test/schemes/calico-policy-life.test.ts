/** Kubernetes' policies, host endpoints, and what happens to policy while things change or fail. */
import { beforeAll, describe, expect, it } from 'vitest'
import { SECOND } from '../../src/sim/units.ts'
import { PolicyBench } from './calico-policy-bench.ts'

const V3 = 'apiVersion: projectcalico.org/v3'
const K8S = 'apiVersion: networking.k8s.io/v1'
const kubernetes = (name: string, spec: string) =>
  `${K8S}\nkind: NetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}`
const global = (name: string, spec: string) =>
  `${V3}\nkind: GlobalNetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}`

const FOUR = [
  { name: 'api', host: 'h1', labels: { app: 'api', role: 'lb' } },
  { name: 'web', host: 'h1', labels: { app: 'web' } },
  { name: 'db', host: 'h2', labels: { app: 'db' } },
  { name: 'batch', host: 'h2', labels: { app: 'batch' } },
]

describe('NetworkPolicy of Kubernetes', () => {
  let lab: PolicyBench

  beforeAll(() => {
    lab = new PolicyBench(FOUR)
  })

  /** Who reaches db: by echo, on port 80, on port 8080. */
  const seen = () =>
    Object.fromEntries(
      ['api', 'web', 'batch'].map((from) => [
        from,
        (['ping', 80, 8080] as const)
          .map((probe) => (lab.talks(from, 'db', probe) ? 1 : 0))
          .join(''),
      ]),
    )
  const DB = 'podSelector: { matchLabels: { app: db } }'

  it.each([
    ['isolates with an empty list', `{ ${DB}, ingress: [] }`, '000', '000'],
    ['isolates without a list', `{ ${DB} }`, '000', '000'],
    ['lets everybody in by one empty rule', `{ ${DB}, ingress: [{}] }`, '111', '111'],
    ['lets everybody in by an empty from', `{ ${DB}, ingress: [{ from: [] }] }`, '111', '111'],
    ['isolates a direction only', `{ ${DB}, policyTypes: [Egress] }`, '111', '111'],
    [
      'takes a port without a protocol for TCP',
      `{ ${DB}, ingress: [{ ports: [{ port: 80 }] }] }`,
      '010',
      '010',
    ],
    [
      'takes a range of ports',
      `{ ${DB}, ingress: [{ ports: [{ port: 8000, endPort: 8089 }] }] }`,
      '001',
      '001',
    ],
    [
      'ANDs selectors within a peer',
      `{ ${DB}, ingress: [{ from: [{ podSelector: { matchLabels: { app: api } }, namespaceSelector: { matchLabels: { team: ops } } }] }] }`,
      '000',
      '000',
    ],
    [
      'ORs peers',
      `{ ${DB}, ingress: [{ from: [{ podSelector: { matchLabels: { app: api } } }, { namespaceSelector: { matchLabels: { team: ops } } }] }] }`,
      '111',
      '000',
    ],
    [
      'knows its own namespace by name',
      `{ ${DB}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { projectcalico.org/name: default } }, podSelector: { matchExpressions: [{ key: role, operator: Exists }] } }] }] }`,
      '111',
      '000',
    ],
    [
      'knows expressions',
      `{ ${DB}, ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: app, operator: NotIn, values: [web, batch] }, { key: role, operator: In, values: [lb, x] }] } }] }] }`,
      '111',
      '000',
    ],
    [
      'knows blocks with exceptions',
      `{ ${DB}, ingress: [{ from: [{ ipBlock: { cidr: 172.16.0.0/16, except: [172.16.0.0/17, 172.16.128.0/17] } }] }] }`,
      '000',
      '000',
    ],
    [
      'isolates all pods of the namespace by an empty selector, senders of answers too',
      '{ podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}] }',
      '000',
      '000',
    ],
  ])('%s', (_, spec, api, others) => {
    lab.apply(kubernetes('p', spec))
    expect(seen()).toEqual({ api, web: others, batch: others })
    lab.clear()
  })

  it('adds up: what one policy allows no other takes away; both ends must allow', () => {
    lab.apply(
      kubernetes(
        'a',
        `{ ${DB}, ingress: [{ from: [{ podSelector: { matchLabels: { app: api } } }] }] }`,
      ),
      kubernetes(
        'b',
        `{ ${DB}, ingress: [{ from: [{ podSelector: { matchLabels: { app: web } } }] }] }`,
      ),
      kubernetes('c', '{ podSelector: { matchLabels: { app: web } }, policyTypes: [Egress] }'),
    )
    expect(seen()).toEqual({ api: '111', web: '000', batch: '000' })
    lab.clear()
  })

  it('goes by labels that a namespace got', () => {
    const namespace =
      'apiVersion: v1\nkind: Namespace\nmetadata: { name: default, labels: { team: ops } }'
    lab.apply(
      kubernetes(
        'p',
        `{ ${DB}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: ops } } }] }] }`,
      ),
    )
    expect(seen()).toEqual({ api: '000', web: '000', batch: '000' })
    lab.apply(namespace)
    expect(seen()).toEqual({ api: '111', web: '111', batch: '111' })
    expect(lab.sets('h2').match(/^add cali40s:/gm)).toHaveLength(4)
  })

  it('lets a pod be reached by its own host, whatever the policy', () => {
    lab.apply(kubernetes('p', `{ ${DB}, ingress: [] }`))
    expect(lab.ping(lab.root('h2'), lab.endpoint('db').address)).toBe(true)
    expect(lab.ping(lab.root('h1'), lab.endpoint('db').address)).toBe(false)
  })
})

describe('while things change', () => {
  let lab: PolicyBench

  beforeAll(() => {
    lab = new PolicyBench(FOUR)
  })

  /** A connection of api to db that writes when told. @returns bytes that arrived of the last write. */
  function connection() {
    const { address, namespace } = lab.endpoint('db')
    const listener = namespace.sockets.listenTcp(9000)!
    const client = lab.endpoint('api').namespace.sockets.openTcp()
    let read = 0
    listener.onAccept = () => {
      const server = listener.accept()!
      server.onReadable = () => {
        read += server.read(Infinity)
      }
    }
    client.connect(address, 9000)
    lab.run(SECOND / 10)
    return {
      send(): number {
        const before = read
        client.write(5000)
        lab.run(SECOND / 5)
        return read - before
      },
      close(): void {
        client.abort()
        listener.close()
      },
    }
  }

  const CLOSED = global('closed', "{ selector: app == 'db', ingress: [{ action: Deny }] }")

  it('goes on with a flow that a new policy would not let begin', () => {
    const flow = connection()
    expect(flow.send()).toBe(5000)
    lab.apply(CLOSED)
    expect(lab.talks('api', 'db', 80)).toBe(false)
    expect(flow.send()).toBe(5000)
    lab.clear()
    flow.close()
  })

  it('loses nothing of a stream of echoes while another policy comes and goes', () => {
    const socket = lab.endpoint('api').namespace.sockets.openEcho()
    let answers = 0
    socket.onReply = () => {
      answers++
    }
    lab.apply(global('open', "{ selector: app == 'db', ingress: [{ action: Allow }] }"))
    const { simulator } = lab.world
    const start = simulator.now
    for (let i = 1; i <= 200; i++) {
      simulator.at(start + (i * SECOND) / 100, {
        fire: () => {
          socket.request(lab.endpoint('db').address, i, 56)
        },
      })
    }
    lab.apply(global('other', "{ order: 5, selector: app == 'db', ingress: [{ action: Log }] }"))
    lab.clear()
    lab.run(SECOND)
    expect(answers).toBe(200)
    socket.close()
  })

  it('writes only the chain that changed', () => {
    const text = (ports: string) =>
      global(
        'p',
        `{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, destination: { ports: ${ports} } }] }`,
      )
    lab.apply(text('[80]'))
    const count = (line: string) => lab.chain('h2', line).length
    expect(count('cali-pi-default.p')).toBe(1)
    lab.talks('api', 'db', 80)
    lab.run(SECOND)
    const packets = () => {
      const chain = lab.filter('h2').table('filter').chain('cali-to-wl-dispatch')!
      return chain.rules.reduce((sum, rule) => sum + rule.packets, 0)
    }
    const before = packets()
    expect(before).toBeGreaterThan(0)
    lab.apply(text('[80, 81]'))
    expect(packets()).toBe(before)
    expect(lab.chain('h2', 'cali-pi-default.p')).toEqual([
      '-p tcp -m comment --comment "Policy default.p ingress" -m multiport --dports 80,81 -j MARK --set-xmark 0x10000/0x10000',
    ])
    lab.clear()
  })

  it('knows a container that comes, and forgets one that goes', () => {
    lab.apply(
      global(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, source: { selector: \"app == 'api'\" } }] }",
      ),
    )
    const set = () => lab.sets('h2').match(/^add cali40s:.*$/gm) ?? []
    expect(set()).toHaveLength(1)
    lab.detach(lab.endpoint('api'), 'h1')
    lab.run(SECOND)
    expect(set()).toHaveLength(0)
    lab.clear()
  })
})

describe('when something fails', () => {
  const CLOSED = global('closed', "{ selector: app == 'db', ingress: [{ action: Deny }] }")

  it('a flush of iptables lets everything through, until Felix looks again', () => {
    const lab = new PolicyBench(FOUR, { felix: { iptablesRefreshInterval: '60s' } })
    lab.apply(CLOSED)
    // Beyond the check that follows a write by five seconds.
    lab.run(10 * SECOND)
    const before = lab.filter('h2').save()
    for (const table of ['raw', 'mangle', 'nat', 'filter']) {
      lab.world.hosts.get('h2')!.commands.iptables.run(`-t ${table} -F`)
    }
    expect(lab.talks('api', 'db', 80)).toBe(true)
    lab.run(60 * SECOND)
    expect(lab.filter('h2').save()).toBe(before)
    expect(lab.talks('api', 'db', 80)).toBe(false)
  })

  it('without Felix old rules stand, and a new container is an unknown interface', () => {
    const lab = new PolicyBench(FOUR)
    lab.apply(CLOSED)
    lab.daemon('h2').crash()
    lab.run(SECOND)
    expect(lab.talks('api', 'db', 80)).toBe(false)
    expect(lab.talks('api', 'batch', 80)).toBe(true)
    const late = lab.mustAttach('late', 'h2')
    lab.run(SECOND)
    expect(lab.ping(late.namespace, lab.endpoint('batch').address)).toBe(false)
    const dropped = () =>
      lab.filter('h2').table('filter').chain('cali-from-wl-dispatch')!.rules.at(-1)!
    expect(dropped().line).toContain('Unknown interface')
    expect(dropped().packets).toBe(1)
    lab.daemon('h2').start()
    lab.run(5 * SECOND)
    expect(lab.ping(late.namespace, lab.endpoint('batch').address)).toBe(true)
    expect(lab.talks('api', 'db', 80)).toBe(false)
  })

  it('a store that is away changes nothing of what is enforced', () => {
    const lab = new PolicyBench(FOUR)
    lab.apply(CLOSED)
    lab.world.store!.members[0]!.stop()
    lab.run(5 * SECOND)
    expect(lab.talks('api', 'db', 80)).toBe(false)
    expect(lab.talks('api', 'batch', 80)).toBe(true)
  })
})

describe('host endpoints', () => {
  const host = (spec: string) =>
    `${V3}\nkind: HostEndpoint\nmetadata: { name: h1-eth0, labels: { host: h1 } }\nspec: ${spec}`
  /** Whether h2 gets a TCP connection to h1 on a port. */
  const open = (lab: PolicyBench, port: number) => {
    const listener = lab.root('h1').sockets.listenTcp(port)!
    const client = lab.root('h2').sockets.openTcp()
    let isOpen = false
    client.onConnect = () => {
      isOpen = true
    }
    client.connect(lab.world.hosts.get('h1')!.address, port)
    lab.run(SECOND / 2)
    client.abort()
    listener.close()
    return isOpen
  }

  it('deny by default, but for failsafe ports; forwarded traffic passes', () => {
    const lab = new PolicyBench(FOUR)
    expect(open(lab, 8000)).toBe(true)
    lab.apply(host('{ node: h1, interfaceName: eth0, expectedIPs: [192.168.0.1] }'))
    expect([open(lab, 8000), open(lab, 22)]).toEqual([false, true])
    expect(lab.talks('db', 'api', 80)).toBe(true)
    lab.apply(
      global(
        'in',
        "{ selector: host == 'h1', ingress: [{ action: Allow, protocol: TCP, destination: { ports: [8000] } }] }",
      ),
    )
    expect([open(lab, 8000), open(lab, 8001)]).toEqual([true, false])
    lab.clear()
    expect(open(lab, 8001)).toBe(true)
  })

  it('take policy for what they forward, before NAT, and before conntrack', () => {
    const lab = new PolicyBench(FOUR)
    lab.apply(
      host('{ node: h1, interfaceName: "*" }'),
      global(
        'forward',
        "{ selector: host == 'h1', applyOnForward: true, ingress: [{ action: Allow, protocol: ICMP }], egress: [{ action: Allow }] }",
      ),
    )
    expect([lab.talks('db', 'api', 80), lab.talks('db', 'api', 'ping')]).toEqual([false, true])
    lab.clear()
    lab.apply(
      host('{ node: h1, interfaceName: eth0 }'),
      global(
        'early',
        "{ selector: host == 'h1', preDNAT: true, applyOnForward: true, ingress: [{ action: Deny, protocol: ICMP }] }",
      ),
    )
    expect([lab.talks('db', 'api', 80), lab.talks('db', 'api', 'ping')]).toEqual([true, false])
    lab.clear()
    lab.apply(
      host('{ node: h1, interfaceName: eth0 }'),
      global(
        'untracked',
        "{ selector: host == 'h1', doNotTrack: true, applyOnForward: true, ingress: [{ action: Allow, protocol: TCP, destination: { ports: [8000] } }], egress: [{ action: Allow, protocol: TCP, source: { ports: [8000] } }] }",
      ),
    )
    expect([open(lab, 8000), open(lab, 8001)]).toEqual([true, false])
    const rule = lab.chain('h1', 'cali-fh-eth0')
    expect(rule.some((line) => line.endsWith('-j NOTRACK'))).toBe(true)
  })
})
