/** Policy of Calico, by what packets do: random access matrices, Kubernetes' rules, tiers, changes, failures. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RandomStream, RandomStreams } from '../../src/sim/random.ts'
import { SECOND } from '../../src/sim/units.ts'
import { type Labelled, PolicyBench } from './calico-policy-bench.ts'

const V3 = 'apiVersion: projectcalico.org/v3'
const K8S = 'apiVersion: networking.k8s.io/v1'

/** A policy for all namespaces; `spec` as flow YAML. */
const global = (name: string, spec: string) =>
  `${V3}\nkind: GlobalNetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}`
const policy = (name: string, spec: string) =>
  `${V3}\nkind: NetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}`
const kubernetes = (name: string, spec: string) =>
  `${K8S}\nkind: NetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}`
const tier = (name: string, spec: string) =>
  `${V3}\nkind: Tier\nmetadata: { name: ${name} }\nspec: ${spec}`

const NAMES = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6']
const SIX: readonly Labelled[] = NAMES.map((name, i) => ({
  name,
  host: i < 3 ? 'h1' : 'h2',
  labels: { role: `r${i}`, half: i % 2 === 0 ? 'even' : 'odd' },
}))
type Pair = readonly [string, string]
const pairs = NAMES.flatMap((from) =>
  NAMES.filter((to) => to !== from).map((to): Pair => [from, to]),
)

/** allowed[i][j]: whether c(i+1) may talk to c(j+1). */
type Matrix = readonly (readonly boolean[])[]

function randomMatrix(random: RandomStream): Matrix {
  const share = random.next()
  return NAMES.map(() => NAMES.map(() => random.next() < share))
}

const roles = (flags: readonly boolean[]) =>
  flags.flatMap((flag, i) => (flag ? [`'r${i}'`] : [])).join(', ')
const column = (matrix: Matrix, j: number) => matrix.map((row) => row[j]!)

/** Ways of saying a matrix in policies. */
const WAYS: readonly ((matrix: Matrix, lab: PolicyBench) => string[])[] = [
  // What each may receive, as a list of those who may.
  (matrix) =>
    NAMES.map((name, j) =>
      policy(
        `to-${name}`,
        `{ selector: "role == 'r${j}'", types: [Ingress], ingress: [{ action: Allow, ` +
          `source: { selector: "role in { ${roles(column(matrix, j))} }" } }] }`,
      ),
    ),
  // What each may send, for all namespaces.
  (matrix) =>
    NAMES.map((name, i) =>
      global(
        `from-${name}`,
        `{ selector: "role == 'r${i}'", types: [Egress], egress: [{ action: Allow, ` +
          `destination: { selector: "role in { ${roles(matrix[i]!)} }" } }] }`,
      ),
    ),
  // Denials one by one, and everything else behind them.
  (matrix) => [
    ...NAMES.map((name, j) =>
      global(
        `no-${name}`,
        `{ order: ${j}, selector: "role == 'r${j}'", types: [Ingress], ingress: [{ action: Deny, ` +
          `source: { notSelector: "role in { ${roles(column(matrix, j))} }" } }] }`,
      ),
    ),
    global('rest', '{ order: 100, types: [Ingress], ingress: [{ action: Allow }] }'),
  ],
  // By addresses: several blocks in a rule.
  (matrix, lab) =>
    NAMES.map((name, j) => {
      const nets = NAMES.filter((_, i) => matrix[i]![j]).map((one) => addressOf(lab, one))
      const rule = `{ action: Allow, source: { nets: [${nets.join(', ')}] } }`
      const rules = nets.length === 0 ? '' : rule
      return policy(`by-net-${name}`, `{ selector: "role == 'r${j}'", ingress: [${rules}] }`)
    }),
  // One tier that passes what may be, and one that has the last word.
  (matrix) => [
    tier('first', '{ order: 10 }'),
    ...NAMES.map((name, j) =>
      global(
        `pass-${name}`,
        `{ tier: first, selector: "role == 'r${j}'", types: [Ingress], ingress: [{ action: Pass, ` +
          `source: { selector: "role in { ${roles(column(matrix, j))} }" } }] }`,
      ),
    ),
    global('second', '{ types: [Ingress], ingress: [{ action: Allow }] }'),
  ],
  // As Kubernetes says it.
  (matrix) =>
    NAMES.map((name, j) => {
      const from = NAMES.flatMap((_, i) =>
        matrix[i]![j] ? [`{ podSelector: { matchLabels: { role: r${i} } } }`] : [],
      ).join(', ')
      const ingress = from === '' ? '[]' : `[{ from: [${from}] }]`
      return kubernetes(
        `k8s-${name}`,
        `{ podSelector: { matchLabels: { role: r${j} } }, ingress: ${ingress} }`,
      )
    }),
  // By the name that a port has in each pod.
  (matrix) =>
    NAMES.map((name, j) => {
      const from = `source: { selector: "role in { ${roles(column(matrix, j))} }" }`
      const port = `{ action: Allow, protocol: TCP, ${from}, destination: { ports: [serve] } }`
      const rules = `[${port}, { action: Allow, protocol: ICMP, ${from} }]`
      return policy(`by-port-${name}`, `{ selector: "role == 'r${j}'", ingress: ${rules} }`)
    }),
]

const SERVE = Object.fromEntries(NAMES.map((name) => [name, [{ name: 'serve', port: 8080 }]]))

function addressOf(lab: PolicyBench, name: string): string {
  const { address } = lab.endpoint(name)
  return `${address >>> 24}.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}/32`
}

const ALL_TALK = pairs.map(() => true)

describe('access matrices', () => {
  let lab: PolicyBench
  const random = new RandomStreams('matrices').stream('calico')

  beforeAll(() => {
    lab = new PolicyBench(SIX, { containerPorts: SERVE })
  })

  afterAll(() => {
    expect(lab.world.ledger.imbalance()).toBe(0)
  })

  it('allow everything while there is no policy', () => {
    expect(lab.reach(pairs, 'ping')).toEqual(ALL_TALK)
  })

  it.each(Array.from({ length: 10 }, (_, i) => [i + 1]))('matrix %i is realised exactly', (i) => {
    const matrix = randomMatrix(random)
    const expected = pairs.map(([a, b]) => matrix[NAMES.indexOf(a)]![NAMES.indexOf(b)]!)
    lab.apply(...WAYS[i % WAYS.length]!(matrix, lab))
    expect(lab.reach(pairs, 8080)).toEqual(expected)
    expect(lab.reach(pairs, 'ping')).toEqual(expected)
    lab.clear()
  })

  it('leave nothing behind', () => {
    expect(lab.reach(pairs, 'ping')).toEqual(ALL_TALK)
    expect(lab.sets('h1')).not.toMatch(/cali40[sn]:/)
    expect(lab.filter('h1').save()).not.toMatch(/cali-p[io]-/)
  })
})

describe('named ports', () => {
  const lab = new PolicyBench(
    [
      { name: 'web', host: 'h1', labels: { app: 'web' } },
      { name: 'db', host: 'h2', labels: { app: 'db' } },
      { name: 'ops', host: 'h2', labels: { app: 'ops' } },
    ],
    {
      containerPorts: {
        web: [{ name: 'main', port: 80 }],
        db: [
          { name: 'main', port: 5432 },
          { name: 'main', port: 5433, protocol: 'UDP' },
        ],
        ops: [{ name: 'agent', port: 1024 }],
      },
    },
  )

  afterAll(() => {
    expect(lab.world.ledger.imbalance()).toBe(0)
  })

  /** Which of the ports 80, 5432 and 22 of web, and which of db, ops reaches. */
  const seen = () => {
    const ends = [['ops', 'web'] as const, ['ops', 'db'] as const]
    const reached = ends.flatMap(([from, to]) =>
      [80, 5432, 22].map((port) => (lab.talks(from, to, port) ? 1 : 0)),
    )
    return `${reached.slice(0, 3).join('')} ${reached.slice(3).join('')}`
  }

  it.each([
    ['mean in each pod its own number', '{ ports: [main] }', '100 010'],
    ['stand beside numbers', '{ ports: [main, 22] }', '101 011'],
    ['may be meant of some pods only', "{ selector: app == 'db', ports: [main] }", '000 010'],
    ['may be excepted', '{ notPorts: [main] }', '011 101'],
    ['are of one protocol, and nobody has an unknown one', '{ ports: [agent, other] }', '000 000'],
  ])('%s', (_, destination, expected) => {
    lab.apply(
      global(
        'named',
        `{ selector: "app in {'web', 'db'}", ingress: [{ action: Allow, protocol: TCP, destination: ${destination} }] }`,
      ),
    )
    expect(seen()).toBe(expected)
    lab.clear()
  })

  it('are pairs of address and port in a set for each protocol', () => {
    const members = (protocol: string) => {
      lab.apply(
        global(
          'sets',
          `{ selector: "app == 'web'", ingress: [{ action: Allow, protocol: ${protocol}, destination: { ports: [main] } }] }`,
        ),
      )
      const lines = lab
        .sets('h1')
        .split('\n')
        .filter((line) => /^add cali40n:/.test(line))
      const found = lines.map((line) => line.replace(/.* /, ''))
      lab.clear()
      return found
    }
    const [web, db] = ['web', 'db'].map((name) => addressOf(lab, name).replace('/32', ''))
    expect(members('TCP').sort()).toEqual([`${web},tcp:80`, `${db},tcp:5432`].sort())
    expect(members('UDP')).toEqual([`${db},udp:5433`])
  })

  it('may stand in policies of Kubernetes', () => {
    const port = '{ ports: [{ protocol: TCP, port: main }] }'
    lab.apply(kubernetes('named', `{ podSelector: {}, ingress: [${port}] }`))
    expect(seen()).toBe('100 010')
    lab.clear()
  })

  it('may be those of a sender', () => {
    lab.apply(
      global(
        'from',
        '{ selector: "app == \'web\'", ingress: [{ action: Deny, protocol: TCP, source: { ports: [main] } }, { action: Allow }] }',
      ),
    )
    // Connections come from ephemeral ports, which nobody has named.
    expect(lab.talks('ops', 'web', 80)).toBe(true)
    expect(lab.sets('h1')).toMatch(/create cali40n:\S+ hash:ip,port /)
    lab.clear()
  })
})

describe('policies of one direction, port, protocol and address', () => {
  let lab: PolicyBench

  beforeAll(() => {
    lab = new PolicyBench([
      { name: 'web', host: 'h1', labels: { app: 'web' } },
      { name: 'db', host: 'h2', labels: { app: 'db' } },
      { name: 'ops', host: 'h1', labels: { app: 'ops' } },
    ])
  })

  /** What each of web and ops reaches of db: by echo, on port 80, on port 5432. */
  const seen = () =>
    ['web', 'ops'].map((from) =>
      (['ping', 80, 5432] as const).map((probe) => (lab.talks(from, 'db', probe) ? 1 : 0)).join(''),
    )

  it.each([
    [
      'an ingress policy without a rule denies',
      policy('p', "{ selector: app == 'db' }"),
      ['000', '000'],
    ],
    [
      'an egress policy is of the sender only',
      policy('p', "{ selector: app == 'web', types: [Egress] }"),
      ['000', '111'],
    ],
    [
      'a port',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, destination: { ports: [80] } }] }",
      ),
      ['010', '010'],
    ],
    [
      'a range of ports, and a second one',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, source: { selector: app == 'web' }, destination: { ports: [\"5000:6000\", 80] } }] }",
      ),
      ['011', '000'],
    ],
    [
      'all ports but one',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, destination: { notPorts: [80] } }] }",
      ),
      ['001', '001'],
    ],
    [
      'more ports than a match takes',
      policy(
        'p',
        `{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, destination: { ports: [${Array.from({ length: 16 }, (_, i) => 1000 + i).join()}, 5432] } }] }`,
      ),
      ['001', '001'],
    ],
    [
      'echo requests',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, protocol: ICMP, icmp: { type: 8, code: 0 } }] }",
      ),
      ['100', '100'],
    ],
    [
      'everything but TCP',
      policy('p', "{ selector: app == 'db', ingress: [{ action: Allow, notProtocol: TCP }] }"),
      ['100', '100'],
    ],
    [
      'the first rule that fits decides',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Deny, source: { selector: app == 'ops' } }, { action: Allow }] }",
      ),
      ['111', '000'],
    ],
    [
      'a block without a part of it, and another block',
      policy(
        'p',
        "{ selector: app == 'db', ingress: [{ action: Allow, protocol: TCP, source: { nets: [172.16.0.0/16, 10.0.0.0/8], notNets: [172.16.0.0/16] } }, { action: Allow, protocol: ICMP, source: { nets: [172.16.0.0/16], notNets: [1.0.0.0/8, 2.0.0.0/8] } }] }",
      ),
      ['100', '100'],
    ],
    [
      'a rule for IPv6 is none for IPv4',
      policy('p', "{ selector: app == 'db', ingress: [{ action: Allow, ipVersion: 6 }] }"),
      ['000', '000'],
    ],
  ])('%s', (_, document, expected) => {
    lab.apply(document)
    expect(seen()).toEqual(expected)
    lab.clear()
    expect(seen()).toEqual(['111', '111'])
  })

  it('goes by order, not by name; without an order last', () => {
    const allow = '[{ action: Allow }]'
    const deny = '[{ action: Deny }]'
    lab.apply(
      policy('a', `{ selector: app == 'db', ingress: ${deny} }`),
      policy('z', `{ order: 5, selector: app == 'db', ingress: ${allow} }`),
    )
    expect(lab.talks('web', 'db', 80)).toBe(true)
    lab.apply(policy('y', `{ order: 4.5, selector: app == 'db', ingress: ${deny} }`))
    expect(lab.talks('web', 'db', 80)).toBe(false)
    lab.clear()
  })

  it('logs, and goes on with the next rule', () => {
    lab.apply(
      global('log', "{ selector: app == 'db', ingress: [{ action: Log }, { action: Deny }] }"),
    )
    expect(lab.talks('web', 'db', 'ping')).toBe(false)
    const last = lab.filter('h2').log.at(-1)
    expect(last).toMatch(/^calico-packet: IN=eth0 OUT=cali\w{11} SRC=172\.16\.\S+ DST=172\.16\./)
    lab.clear()
  })

  it('passes what a tier has not decided on to profiles', () => {
    lab.apply(
      tier('ops', '{ order: 1 }'),
      global(
        'p',
        "{ tier: ops, selector: app == 'db', ingress: [{ action: Pass, protocol: TCP }] }",
      ),
    )
    expect(seen()).toEqual(['011', '011'])
    lab.apply(tier('ops', '{ order: 1, defaultAction: Pass }'))
    expect(seen()).toEqual(['111', '111'])
    lab.clear()
  })

  it('drops what a container sends under another address', () => {
    const { namespace } = lab.endpoint('web')
    const socket = namespace.sockets.openUdp()!
    const server = lab.endpoint('db').namespace.sockets.openUdp(53)!
    const seenFrom: number[] = []
    server.onReceive = ({ ipSrc }) => seenFrom.push(ipSrc)
    const own = lab.endpoint('web').address
    socket.sendTo(lab.endpoint('db').address, 53, 100)
    lab.run(SECOND / 10)
    expect(seenFrom).toEqual([own])
    const device = namespace.device('eth0')!
    namespace.removeAddress(device, device.addresses[0]!)
    namespace.addAddress(device, { address: lab.endpoint('ops').address, length: 32 })
    socket.sendTo(lab.endpoint('db').address, 53, 100)
    lab.run(SECOND / 10)
    expect(seenFrom).toEqual([own])
    namespace.removeAddress(device, device.addresses[0]!)
    namespace.addAddress(device, { address: own, length: 32 })
    socket.close()
    server.close()
  })

  it('keeps containers from their host, and lets the host to them', () => {
    const { address } = lab.world.hosts.get('h1')!
    expect(lab.ping(lab.endpoint('web').namespace, address)).toBe(false)
    expect(lab.ping(lab.root('h1'), lab.endpoint('web').address)).toBe(true)
  })
})
