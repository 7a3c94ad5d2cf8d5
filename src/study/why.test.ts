import { describe, expect, it } from 'vitest'
import { scenario } from '../../test/small-scenario.ts'
import { builtinSchemes } from '../schemes/registry.ts'
import { MICROSECOND, MILLISECOND, SECOND } from '../sim/units.ts'
import { type ProbeOutcome, type ProbeRequest, traceProbe } from './why.ts'

const STREAM = `
workload:
  - { kind: udp, name: stream, from: c1, to: c2, port: 5001, size: 100, packetRate: 1kpps, for: 1s, at: 2s }
`
const PING: ProbeRequest = {
  ...{ from: 'c1', to: 'c2', at: null, protocol: 'icmp', port: 5001 },
  ...{ size: 56, dontFragment: false, ttl: 64 },
}

function outcome(
  request: Partial<ProbeRequest>,
  faults = '',
  ...settings: readonly string[]
): ProbeOutcome {
  const given = scenario(STREAM + faults, ...settings)
  const found = traceProbe(given, builtinSchemes, { ...PING, ...request })
  if ('problem' in found) throw new Error(found.problem)
  return found
}

describe('a probe', () => {
  it('goes just before the first workload, with cold caches', () => {
    const { sentAt, delivered, events, source, destination, missed } = outcome({})
    expect(sentAt).toBe(2 * SECOND - 10 * MILLISECOND)
    expect({ delivered, missed }).toEqual({ delivered: true, missed: 0 })
    expect([source, destination]).toEqual(['10.20.0.2', '10.20.128.1'])
    expect(events[0]).toMatchObject({ stage: 'socket_send', time: sentAt, kind: 'echo-request' })
    expect(events.some(({ kind }) => kind === 'arp')).toBe(true)
    expect(new Set(events.map(({ trace }) => trace))).toEqual(new Set([1]))
  })

  it('finds them warm in the middle of one: its latency is that of the way alone', () => {
    const { events, latency } = outcome({ at: 2.5 * SECOND })
    expect(events.some(({ kind }) => kind === 'arp')).toBe(false)
    expect(latency).toBeGreaterThan(0)
    expect(latency!).toBeLessThan(outcome({}).latency!)
  })

  it('one way for a datagram, there and back for an echo', () => {
    const [there, andBack] = (['udp', 'icmp'] as const).map(
      (protocol) => outcome({ protocol, at: 1.5 * SECOND + 1, size: 56 }).latency!,
    )
    expect(andBack).toBeGreaterThan(there!)
  })

  it.each([
    ['a port of its own', { port: 6000 }],
    ['the port of a workload that runs', { port: 5001, at: 2.5 * SECOND }],
    ['an address instead of a name', { to: '10.20.128.1' }],
    ['a host’s address', { from: 'h1', to: '192.168.0.2' }],
    ['so large that it is cut', { size: 20000 }],
  ] as const)('as a datagram to %s is delivered', (_, request) => {
    expect(outcome({ protocol: 'udp', ...request })).toMatchObject({
      ...{ delivered: true, sendError: null },
    })
  })

  it('that is lost tells where', () => {
    const cut = 'faults: [{ node: h2, at: 1s, cut: true }]\n'
    const { delivered, latency, events } = outcome({ at: 1.5 * SECOND }, cut)
    expect({ delivered, latency }).toEqual({ delivered: false, latency: null })
    expect(events.at(-1)!.drop).not.toBeNull()
  })

  it('that the kernel refuses was never sent', () => {
    const { sendError, knownMtu, events } = outcome({ size: 1473, dontFragment: true })
    expect({ sendError, knownMtu }).toEqual({ sendError: 'EMSGSIZE', knownMtu: 1500 })
    expect(events.filter(({ kind }) => kind === 'echo-request')).toEqual([])
    expect(outcome({ from: 'h1', to: '8.8.8.8' }).sendError).toBe('ENETUNREACH')
  })

  it('does not change what it asks about: two of them meet the same', () => {
    const [one, two] = [outcome({}), outcome({})]
    expect(two.events).toEqual(one.events)
  })

  it.each([
    [{ from: 'c7' }, '--from c7: there is no such container or host; there are c1, c2, h1, h2'],
    [{ from: '10.20.0.1' }, '--from 10.20.0.1: there is no'],
    [{ to: 'c7' }, '--to c7: there is no'],
  ])('%j is no question', (request, problem) => {
    const found = traceProbe(scenario(STREAM), builtinSchemes, { ...PING, ...request })
    expect(found).toEqual({ problem: expect.stringContaining(problem) })
  })
})

describe('a connection', () => {
  it('is opened, carries its bytes and is closed', () => {
    const { delivered, connection, journeys } = outcome({ protocol: 'tcp', size: 50_000 })
    expect(delivered).toBe(true)
    expect(connection).toMatchObject({ acknowledged: 50_000, read: 50_000, retransmissions: 0 })
    const kinds = new Set(journeys.map(({ kind }) => kind))
    for (const kind of ['tcp-syn', 'tcp-syn-ack', 'tcp-data', 'tcp-fin'] as const) {
      expect(kinds).toContain(kind)
    }
  })

  it('that loses segments and gets through has no cause', () => {
    const lossy = 'faults: [{ node: h2, at: 1s, loss: 20% }]\n'
    const { delivered, connection, cause } = outcome({ protocol: 'tcp', size: 50_000 }, lossy)
    expect({ delivered, cause }).toEqual({ delivered: true, cause: null })
    expect(connection!.retransmissions).toBe(14)
  })

  it('that nobody answers is lost by what loses its SYN, however often that is sent', () => {
    const cut = 'faults: [{ node: h2, at: 1s, cut: true }]\n'
    const { connection, cause } = outcome({ protocol: 'tcp', at: 1.5 * SECOND }, cut)
    expect(connection!.establishedAt).toBeNull()
    expect(cause).toMatchObject({ kind: 'link', place: 'h2/eth0' })
  })
})

describe('the cause of a loss', () => {
  it('is none where the packet arrives', () => {
    expect(outcome({}).cause).toBeNull()
  })

  it.each([
    ['nobody has the address', { to: '10.20.99.99' }, { kind: 'address', subject: '10.20.99.99' }],
    [
      'a DF packet is too long',
      { size: 1473, dontFragment: true },
      { kind: 'mtu', subject: 'mtu 1500' },
    ],
    ['the sender has no route', { from: 'h1', to: '8.8.8.8' }, { kind: 'route', place: 'h1' }],
  ] as const)('is named where %s', (_, request, expected) => {
    expect(outcome(request).cause).toMatchObject(expected)
  })
})

describe('CPU time of a probe', () => {
  const SERVERS = 'hosts.costs=server-2020s'

  it('is that of the packet, its answer and their ARP, on every machine', () => {
    const { cpu } = outcome({}, '', SERVERS)
    expect(cpu.map(({ machine }) => machine)).toEqual(['h1', 'h2'])
    for (const { stages } of cpu) {
      for (const stage of ['arp', 'icmp', 'ip_send', 'ip_receive', 'nic_transmit'] as const) {
        expect(stages.get(stage)).toBeGreaterThan(0)
      }
      expect(stages.has('udp_send')).toBe(false)
    }
  })

  it.each(['udp', 'icmp'] as const)('ends with the reader, who is woken: %s', (protocol) => {
    const [slow, fast] = [SERVERS, 'hosts.costs=none'].map(
      (costs) => outcome({ protocol }, '', costs).latency!,
    )
    expect(slow).toBeGreaterThan(fast! + 10 * MICROSECOND)
  })

  it('is not told apart from that of a load, nor where work takes no time', () => {
    expect(outcome({ at: 2.5 * SECOND }, '', SERVERS).cpu).toEqual([])
    expect(outcome({}).cpu).toEqual([])
  })
})
