import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../../test/control/hosts-on-switch.ts'
import { MILLISECOND, SECOND } from '../../../sim/units.ts'
import { bytesOf, textOf } from '../../http/text.ts'
import { Program } from '../../program/program.ts'
import { CompoundEntries, encodeCompound } from './compound.ts'
import { NETWORKDB } from './config.ts'
import {
  type Compound,
  encodeBulkSync,
  encodePresence,
  encodePushPull,
  knownMessage,
  type NodeEvent,
  tableEvent,
} from './messages.ts'
import { NetworkDb, type TableChange } from './networkdb.ts'
import { readMessage } from './reading.ts'

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
    const node = encodePresence({ type: 'node', action: 'join', time: 5, node: 'a' })
    expect([...node]).toEqual([0x08, 6, 0x12, 7, 0x08, 1, 0x10, 5, 0x1a, 1, 0x61])
    // 300 is 0xac 0x02 as a varint; a residual of 0 is left out.
    expect(Buffer.from(tableEvent(EVENT).bytes).toString('hex')).toBe(
      '08021217080110ac021a026e3122036e65742a017432016b3a0176',
    )
  })

  it('come back as they were sent', () => {
    const presence = { type: 'node', action: 'leave', time: 2 ** 40, node: 'x' } as const
    expect(readMessage(encodePresence(presence).slice())).toEqual(presence)
    const networks = [{ network: 'net', time: 2, node: 'b', isLeaving: true }]
    const state = { type: 'push-pull', time: 3, networks, node: 'a' } as const
    expect(readMessage(encodePushPull(state).slice())).toEqual(state)
    // A copy is another event, with a number of its own.
    const event = { ...tableEvent(EVENT), number: expect.any(Number) as number }
    const rows = ['x'.repeat(200), 'y'].map(joined)
    const messages = [event, ...rows]
    const compound = encodeCompound([event.bytes, ...rows.map(encodePresence)])
    expect(readMessage(compound.slice())).toEqual({ type: 'compound', messages })
    const head = { time: 1, isUnsolicited: true, node: 'a', networks: ['n', 'm'] }
    const sync = { type: 'bulk-sync', ...head, payload: { type: 'compound', messages } } as const
    const entries = new CompoundEntries()
    entries.add(event.bytes)
    const first = entries.bytes
    for (const row of rows) entries.add(encodePresence(row))
    const rest = entries.bytes.subarray(first.length)
    expect(readMessage(encodeBulkSync(sync, [first, rest]).content.slice())).toEqual(sync)
  })

  it('are not read at all by those who get the very bytes', () => {
    const { bytes } = tableEvent(EVENT)
    expect(readMessage(bytes)).toBe(knownMessage(bytes))
    expect(knownMessage(bytes)).toMatchObject({ ...EVENT, path: 't/k' })
    const { messages } = readMessage(encodeCompound([bytes])) as Compound
    expect(messages[0]).toBe(knownMessage(bytes))
    // Another array, although it says the same.
    expect(knownMessage(bytes.slice())).toBeUndefined()
    expect(readMessage(bytes.subarray(0, 20))).toBeNull()
  })
})

function joined(name: string): NodeEvent {
  return { type: 'node', action: 'join', time: 1, node: name }
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
