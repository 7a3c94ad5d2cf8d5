import { describe, expect, it } from 'vitest'
import { builtinSchemes } from '../../schemes/registry.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import { formatIssues } from '../issues.ts'
import { loadScenario } from '../load.ts'
import type { Scenario } from '../model.ts'

const HEAD = 'fabric: { racks: 2, hostsPerRack: 2 }\nnetworks: {}\n'

function load(text: string, head = HEAD) {
  return loadScenario(head + text, 'store.yaml', builtinSchemes, {})
}

function scenarioOf(text: string, head = HEAD): Scenario {
  const loaded = load(text, head)
  if (!loaded.ok) throw new Error(formatIssues(loaded.issues))
  return loaded.scenarios[0]!
}

/** Each fault with the line that it stands on. */
function wrong(text: string, head = HEAD): string[] {
  const loaded = load(text, head)
  if (loaded.ok) return []
  for (const { remedy } of loaded.issues) expect(remedy).not.toBe('')
  return loaded.issues.map(({ line, message }) => `${line}: ${message}`)
}

describe('a store', () => {
  it('has three members on hosts of their own, one rack after the other', () => {
    const { store, fabric, containers } = scenarioOf('store: { kind: etcd }\n')
    expect(store).toMatchObject({
      ...{ kind: 'etcd', version: '3.4', fsync: MILLISECOND, preVote: false },
      ...{ heartbeat: 100 * MILLISECOND, election: SECOND, snapshotCount: 100_000 },
      members: [1, 2, 3].map((i) => ({ name: `store-${i}`, host: `store-${i}` })),
    })
    const racks = fabric.nodes.filter(({ name }) => name.startsWith('store-'))
    expect(racks.map(({ rack }) => rack)).toEqual([0, 1, 0])
    expect(containers).toEqual([])
  })

  it('has one member on each host that is named', () => {
    const { store, fabric } = scenarioOf('store: { kind: etcd, on: [h3, h1] }\n')
    expect(store!.members.map(({ name, host }) => [name, host])).toEqual([
      ['store-1', 'h3'],
      ['store-2', 'h1'],
    ])
    expect(fabric.nodes.some(({ name }) => name.startsWith('store-'))).toBe(false)
  })

  it.each([
    ['2.3', { preVote: false, snapshotCount: 10_000 }],
    ['3.5', { preVote: true, snapshotCount: 100_000 }],
  ])('etcd %s has its own defaults', (version, defaults) => {
    expect(scenarioOf(`store: { kind: etcd, version: ${version} }\n`).store).toMatchObject(defaults)
  })

  it('gives Consul an agent on every other host, and its servers none besides', () => {
    const all = scenarioOf('store: { kind: consul, on: [h1, h2] }\n').store
    expect(all).toMatchObject({ version: '1.8', agents: ['h3', 'h4'] })
    const some = scenarioOf('store: { kind: consul, on: [h1], agents: [h1, h4] }\n').store
    expect(some).toMatchObject({ agents: ['h4'] })
  })

  it.each([
    ['{ kind: etcd, on: [h1, h9] }', 'there is no host "h9"'],
    ['{ kind: etcd, on: [h1, h1] }', 'two members on h1 want the same ports'],
    ['{ kind: etcd, on: [h1, h2], members: 3 }', '3 members, and 2 hosts for them'],
    ['{ kind: etcd, heartbeat: 0s }', 'no heartbeat'],
    ['{ kind: etcd, heartbeat: 300ms }', 'the election timeout is less than 5 heartbeats'],
    ['{ kind: etcd, election: 51s }', 'etcd takes no election timeout of more than 50 s'],
    ['{ kind: consul, agents: [h7] }', 'there is no host "h7"'],
  ])('%s is wrong', (section, message) => {
    expect(wrong(`store: ${section}\n`)).toEqual([`3: ${message}`])
  })

  it('needs hosts named where the fabric has no racks', () => {
    const drawn = `networks: {}
fabric:
  draw:
    nodes: [{ name: a, kind: host }, { name: s, kind: switch }]
    links: [{ from: a, to: s }]
`
    const message = 'on this fabric the store gets no hosts of its own'
    expect(wrong('store: { kind: etcd }\n', drawn)).toContain(`6: ${message}`)
    expect(wrong('store: { kind: etcd, on: a }\n', drawn)).toEqual([])
  })
})

describe('clients of a store', () => {
  const kv = (entry: string, section = '{ kind: etcd }') =>
    `store: ${section}\nworkload: [{ kind: kv, ${entry} }]\n`

  it.each([
    ['{ kind: etcd }', 'v3'],
    ['{ kind: etcd, version: 2.3 }', 'v2'],
    ['{ kind: consul }', 'kv'],
  ])('of %s speak %s by themselves', (section, api) => {
    const [workload] = scenarioOf(kv('from: [h1, h2]', section)).workloads
    expect(workload).toMatchObject({ kind: 'kv', name: 'kv-1', api, interval: null, reads: 0 })
  })

  it.each([
    [kv('from: h1, api: kv'), 'etcd 3.4 has no API kv'],
    [
      kv('from: h1', '{ kind: kube }'),
      'the API server of Kubernetes has node records, and no keys',
    ],
    [kv('from: [h1, h1]'), 'h1 stands there twice'],
    [kv('from: h1, interval: 0s'), 'an interval of no length'],
    [kv('from: h1, compactEvery: 0s'), 'an interval of no length'],
    [kv('from: h1, api: v2, compactEvery: 1s'), /^v2 keeps the last 1000 changes/],
    [kv('from: h1, compactEvery: 1s', '{ kind: consul }'), /^Consul keeps no history/],
    [kv('from: h1, size: 1MiB'), 'a size of 1048576 bytes is none'],
  ])('%j is wrong', (text, message) => {
    const issues = wrong(text)
    expect(issues).toHaveLength(1)
    expect(issues[0]!.replace(/^4: /, '')).toMatch(message)
  })

  it('need a store', () => {
    expect(wrong('workload: [{ kind: kv, from: h1 }]\n')).toEqual(['3: there is no store'])
    expect(wrong('expect: [{ elections: { equals: 1 } }]\n')).toEqual(['3: there is no store'])
  })

  it('that do not watch have no watch delay, and none has goodput', () => {
    const expected = '[{ watchDelay: { atMost: 1s } }, { goodput: { atLeast: 1Mbps } }]'
    expect(wrong(`${kv('from: h1')}expect: ${expected}\n`)).toEqual([
      '5: the clients of kv-1 watch nothing',
      '5: kv does not measure goodput',
    ])
  })
})

describe('faults of hosts', () => {
  const STORE = 'store: { kind: etcd }\n'

  it('name members and hosts, or what they do', () => {
    const { faults } = scenarioOf(
      `${STORE}faults: [{ crash: leader }, { partition: [[leader, h1], [followers]], oneWay: true }]\n`,
    )
    expect(faults.flatMap(({ hostFaults }) => hostFaults)).toEqual([
      { kind: 'crash', program: { kind: 'member', name: 'leader' } },
      { kind: 'partition', from: ['leader', 'h1'], to: ['followers'], isOneWay: true },
    ])
  })

  it.each([
    ['{ crash: store-4 }', 'there is no program, host or container "store-4"'],
    ['{ slowDisk: store-4 }', 'there is no store member "store-4"'],
    ['{ restoreDisk: leader, of: 0s }', 'there is no store member "leader"'],
    ['{ restoreDisk: store-1, at: 1s }', 'from when the old content is, is not said'],
    ['{ restoreDisk: store-1, at: 1s, of: 2s }', 'the backup of 2 s is not made yet'],
    ['{ restart: store-1, until: 2s }', '"restart" happens once, at "at"'],
    ['{ loseDisk: store-1, until: 2s }', '"loseDisk" happens once, at "at"'],
    ['{ clockStep: h1, by: 1s, until: 2s }', '"clockStep" happens once, at "at"'],
    ['{ clockStep: h1 }', 'by how much the clock jumps is not said'],
    ['{ clockStep: h9, by: 1s }', 'there is no host "h9"'],
    ['{ crash: store-1, fsync: 1ms }', '"fsync" is of use with "slowDisk" only'],
    ['{ crash: store-1, of: 1s }', '"of" is of use with "restoreDisk" only'],
    ['{ crash: store-1, by: 1s }', '"by" is of use with "clockStep" only'],
    ['{ crash: store-1, backwards: true }', '"backwards" is of use with "clockStep" only'],
    ['{ partition: [[h1], [h2, h1]] }', 'h1 stands there twice'],
    ['{ partition: [[h1], [leadr]] }', 'there is no host "leadr"'],
    ['{ partition: [[h1]] }', '1 items, where at least 2 are right'],
    ['{ at: 1s }', 'nothing happens'],
  ])('%s is wrong', (fault, message) => {
    expect(wrong(`${STORE}faults: [${fault}]\n`)).toEqual([`4: ${message}`])
  })

  it('name nobody of a store that is not there', () => {
    const issues = wrong('faults: [{ crash: leader }, { partition: [[h1], [leader]] }]\n')
    expect(issues).toEqual([
      '3: there is no program, host or container "leader"',
      '3: there is no host "leader"',
    ])
  })

  it('cut no host off on a bench', () => {
    const head = 'fabric: { mode: bench }\nnetworks: {}\n'
    expect(wrong('faults: [{ partition: [[h1], [h2]] }]\n', head)).toEqual([
      '3: a bench has no cables on which a partition could be made',
    ])
  })
})
