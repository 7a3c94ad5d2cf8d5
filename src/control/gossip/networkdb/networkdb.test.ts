import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { bytesOf, textOf } from '../../http/text.ts'
import { Program } from '../../program/program.ts'
import { NETWORKDB } from './config.ts'
import { EventPool } from './event-pool.ts'
import {
  decodeBulkSync,
  decodePresence,
  decodePushPull,
  encodeBulkSync,
  encodeCompound,
  encodeNodeEvent,
  encodePushPull,
  openCompound,
  openEnvelope,
  tableEvent,
} from './messages.ts'
import { NetworkDb, type TableChange } from './networkdb.ts'

const TABLE = 't'
const { port } = NETWORKDB

const EVENT = {
  action: 'create',
  time: 300,
  node: 'n1',
  network: 'net',
  table: TABLE,
  key: 'k',
  value: bytesOf('v'),
  residual: 0,
} as const

describe('messages of networkdb', () => {
  it('are protobuf as networkdb.proto has it', () => {
    const node = encodeNodeEvent({ action: 'join', time: 5, node: 'a' })
    expect([...node]).toEqual([0x08, 6, 0x12, 7, 0x08, 1, 0x10, 5, 0x1a, 1, 0x61])
    // 300 is 0xac 0x02 as a varint; a residual of 0 is left out.
    expect(Buffer.from(tableEvent(EVENT).bytes).toString('hex')).toBe(
      '08021217080110ac021a026e3122036e65742a017432016b3a0176',
    )
  })

  it('come back as they were sent', () => {
    const presence = decodePresence(
      openEnvelope(encodeNodeEvent({ action: 'leave', time: 2 ** 40, node: 'x' }))!,
    )
    expect(presence).toEqual({ type: 'node', action: 'leave', time: 2 ** 40, node: 'x' })
    const state = {
      time: 3,
      networks: [{ network: 'net', time: 2, node: 'b', isLeaving: true }],
      node: 'a',
    }
    expect(decodePushPull(openEnvelope(encodePushPull(state))!.content)).toEqual(state)
    const payload = encodeCompound([tableEvent(EVENT).bytes, node('x'.repeat(200)), node('y')])
    const sync = { time: 1, isUnsolicited: true, node: 'a', networks: ['n', 'm'], payload }
    const decoded = decodeBulkSync(openEnvelope(encodeBulkSync(sync))!.content)!
    expect(decoded).toEqual({ type: 'bulk-sync', ...sync })
    const parts = openCompound(openEnvelope(decoded.payload)!.content)
    expect(parts.map(({ length }) => length)).toEqual([
      tableEvent(EVENT).bytes.length,
      node('x'.repeat(200)).length,
      node('y').length,
    ])
  })

  it('are decoded once for all who get the same bytes', () => {
    const pool = new EventPool()
    const { bytes } = tableEvent(EVENT)
    const decode = (whole: Uint8Array) => pool.decode(whole, openEnvelope(whole)!.content)
    const first = decode(bytes.slice())
    expect(first).toMatchObject(EVENT)
    expect(decode(bytes.slice())).toBe(first)
    expect(decode(tableEvent({ ...EVENT, time: 301 }).bytes)?.time).toBe(301)
    expect(pool.decode(bytes.subarray(0, 20), bytes.subarray(4, 20))).toBeNull()
  })
})

function node(name: string): Uint8Array {
  return encodeNodeEvent({ action: 'join', time: 1, node: name })
}

/** Nodes h1, h2 ... that have joined h1's cluster, with what each was told. */
class Lab {
  readonly lab: HostsOnSwitch
  readonly nodes: { db: NetworkDb; program: Program; changes: TableChange[] }[] = []

  constructor(count: number, seed = '1') {
    this.lab = new HostsOnSwitch(count, { seed })
    for (let i = 1; i <= count; i++) this.start(i)
    this.run(SECOND)
  }

  start(number: number, name = `h${number}`): void {
    const host = this.lab.host(number)
    const program = new Program(host.root, 'networkdb')
    const changes: TableChange[] = []
    const self = { name, address: host.address }
    const db = NetworkDb.start(program, self, NETWORKDB, (change) => changes.push(change))!
    this.nodes[number - 1] = { db, program, changes }
    const [first, second] = [this.lab.address(1), this.lab.address(2)]
    const peers = [{ address: number === 1 ? second : first, port }]
    program.spawn(db.join(peers))
  }

  run(duration: number): void {
    const { simulator } = this.lab
    simulator.run(simulator.now + duration)
  }

  db(number: number): NetworkDb {
    return this.nodes[number - 1]!.db
  }

  /** What a node was told, in short. */
  told(number: number): string[] {
    const { changes } = this.nodes[number - 1]!
    return changes.map(({ action, key, value }) => `${action} ${key} ${textOf(value)}`)
  }

  join(number: number, network: string): void {
    const { db, program } = this.nodes[number - 1]!
    program.spawn(db.joinNetwork(network))
    this.run(300 * MILLISECOND)
  }

  create(number: number, key: string, value: string): void {
    this.db(number).createEntry(TABLE, 'net', key, bytesOf(value))
  }

  keys(number: number): string[] {
    return this.db(number)
      .entries(TABLE, 'net')
      .map(({ key }) => key)
  }
}

describe('networkdb', () => {
  it('tells rows to the nodes of the network, and to no others', () => {
    const lab = new Lab(3)
    for (const number of [1, 2]) lab.join(number, 'net')
    lab.join(3, 'other')
    lab.create(1, 'k', 'v')
    lab.run(SECOND)
    expect(lab.told(1)).toEqual([])
    expect(lab.told(2)).toEqual(['create k v'])
    expect(lab.told(3)).toEqual([])
    lab.db(1).deleteEntry(TABLE, 'net', 'k')
    lab.run(SECOND)
    expect(lab.told(2)).toEqual(['create k v', 'delete k v'])
    expect(lab.keys(2)).toEqual([])
  })

  it('gives a node that joins a network all rows at once, by TCP', () => {
    const lab = new Lab(3)
    for (const number of [1, 2]) lab.join(number, 'net')
    lab.create(1, 'a', '1')
    lab.create(2, 'b', '2')
    lab.run(5 * SECOND)
    const { db, program } = lab.nodes[2]!
    program.spawn(db.joinNetwork('net'))
    lab.run(10 * MILLISECOND)
    expect(lab.keys(3).sort()).toEqual(['a', 'b'])
    expect(db.rowsOf('net')!.inSync).toBe(true)
  })

  it('drops the rows of a node that has failed, and takes them up when it is back', () => {
    const lab = new Lab(3)
    for (const number of [1, 2, 3]) lab.join(number, 'net')
    lab.create(3, 'k', 'v')
    lab.run(SECOND)
    const heal = lab.lab.partition([3], [1, 2])
    // A probe a second, then the time of suspicion: 4 s for so few nodes.
    lab.run(12 * SECOND)
    expect(lab.told(1)).toEqual(['create k v', 'delete k v'])
    expect(lab.keys(3)).toEqual(['k'])
    heal()
    lab.run(40 * SECOND)
    expect(lab.told(1)).toEqual(['create k v', 'delete k v', 'create k v'])
    expect(lab.told(2)).toEqual(lab.told(1))
  })

  it('drops the rows of a node that leaves at once, of one network or of the cluster', () => {
    const lab = new Lab(3)
    for (const number of [1, 2, 3]) lab.join(number, 'net')
    lab.create(2, 'b', '')
    lab.create(3, 'c', '')
    lab.run(SECOND)
    lab.db(2).leaveNetwork('net')
    lab.run(SECOND)
    expect(lab.keys(1)).toEqual(['c'])
    lab.nodes[2]!.program.spawn(lab.db(3).leave(SECOND))
    lab.run(2 * SECOND)
    expect(lab.keys(1)).toEqual([])
  })

  it('takes a node that has started anew for a new one, and drops what the former had', () => {
    const lab = new Lab(3)
    for (const number of [1, 2, 3]) lab.join(number, 'net')
    lab.create(3, 'old', '')
    lab.run(SECOND)
    lab.nodes[2]!.program.kill()
    lab.run(100 * MILLISECOND)
    lab.start(3, 'h3-again')
    lab.run(SECOND)
    expect(lab.keys(1)).toEqual([])
    lab.join(3, 'net')
    lab.create(3, 'new', '')
    lab.run(SECOND)
    expect(lab.keys(1)).toEqual(['new'])
  })

  it('goes by Lamport times: late news change nothing, and deleted rows stay deleted', () => {
    const lab = new Lab(2)
    for (const number of [1, 2]) lab.join(number, 'net')
    lab.create(1, 'k', 'new')
    lab.run(SECOND)
    const known = lab.db(2).rowsOf('net')!.get(TABLE, 'k')!.event
    const late = tableEvent({ ...known, time: known.time - 1, value: bytesOf('old') })
    expect(lab.db(2).takeEvent(late, false)).toBe(false)
    lab.db(1).deleteEntry(TABLE, 'net', 'k')
    lab.run(SECOND)
    expect(lab.db(2).takeEvent(known, true)).toBe(false)
    expect(lab.keys(2)).toEqual([])
    // Half an hour later nobody remembers that it was deleted.
    lab.run(1801 * SECOND)
    lab.run(5 * SECOND)
    expect(lab.db(2).rowsOf('net')!.get(TABLE, 'k')).toBeUndefined()
  })

  it('ignores the deletion of a row that it does not know, unless it came by TCP', () => {
    const lab = new Lab(2)
    for (const number of [1, 2]) lab.join(number, 'net')
    const base = { ...EVENT, node: 'h1', residual: 1800, time: 1 }
    const gone = tableEvent({ ...base, action: 'delete', key: 'x' })
    lab.db(2).takeEvent(gone, false)
    expect(lab.db(2).rowsOf('net')!.get(TABLE, 'x')).toBeUndefined()
    lab.db(2).takeEvent(gone, true)
    expect(lab.db(2).rowsOf('net')!.get(TABLE, 'x')?.isDeleted).toBe(true)
    expect(lab.told(2)).toEqual([])
  })
})
