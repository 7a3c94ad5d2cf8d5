import type { Dice } from './dice.ts'
import type { RandomHosts } from './random-hosts.ts'

const ms = (value: number) => `${value}ms`

/** One item of the section `workload`. */
export function randomWorkload(
  dice: Dice,
  ends: readonly string[],
  hosts: RandomHosts,
): Record<string, unknown> {
  const at = ms(dice.integer(0, 10))
  const [from, to] = dice.some(ends, 2)
  const pair = dice.chance(0.5) ? { from, to } : { from: to, to: from }
  const pairs = dice.chance(0.3) ? { pairs: 'ring', among: 'hosts' } : pair
  const target = dice.chance(0.1) ? { from, to: strayAddress(dice) } : pairs
  const shared = { at, ...target }
  switch (dice.pick(KINDS)) {
    case 'ping':
      return pingOf(dice, shared)
    case 'udp':
      return udpOf(dice, shared, hosts)
    case 'udp-rr': {
      const replySize = dice.pick([0, 64, 3000])
      const outstanding = dice.integer(1, 3)
      const timeout = dice.pick(['2ms', '1s'])
      const more = { replySize, outstanding, timeout, for: '300us', ...coresOf(dice, hosts) }
      return { kind: 'udp-rr', ...shared, size: dice.pick(SIZES), ...more }
    }
    case 'tcp':
      return tcpOf(dice, shared, hosts)
    case 'tcp-rr':
    case 'tcp-crr':
      return transactionsOf(dice, shared, hosts)
    case 'macof': {
      const macs = dice.maybe(0.5, 'macs', () => dice.integer(1, 50))
      return { kind: 'macof', at, from, rate: '10kpps', for: '5ms', ...macs }
    }
  }
}

const KINDS = ['ping', 'udp', 'udp-rr', 'tcp', 'tcp-rr', 'tcp-crr', 'macof'] as const
const SIZES = [0, 1, 56, 500, 1472, 3000]

type Shared = Readonly<Record<string, unknown>>

/** Nobody's, a broadcast address, a group, ourselves. */
function strayAddress(dice: Dice): string {
  return dice.pick(['192.168.200.7', '10.244.0.9', '8.8.8.8', '255.255.255.255', '224.0.0.1'])
}

function headerOf(dice: Dice): Record<string, unknown> {
  return {
    ...dice.maybe(0.3, 'dontFragment', () => true),
    ...dice.maybe(0.2, 'ttl', () => dice.pick([1, 2, 255])),
    ...dice.maybe(0.2, 'tos', () => dice.integer(0, 255)),
  }
}

function coresOf(dice: Dice, { cpus }: RandomHosts): Record<string, unknown> {
  return {
    ...dice.maybe(0.3, 'senderCore', () => dice.integer(0, cpus - 1)),
    ...dice.maybe(0.3, 'receiverCore', () => dice.integer(0, cpus - 1)),
  }
}

function pingOf(dice: Dice, shared: Shared): Record<string, unknown> {
  const size = dice.pick(SIZES)
  return { kind: 'ping', ...shared, ...headerOf(dice), count: 5, interval: '3ms', size }
}

function udpOf(dice: Dice, shared: Shared, hosts: RandomHosts): Record<string, unknown> {
  const common = { ...shared, ...headerOf(dice), ...coresOf(dice, hosts) }
  const load = { size: dice.pick(SIZES), parallel: dice.integer(1, 4) }
  if (!hosts.hasFreeWork && dice.chance(0.3)) {
    return { kind: 'udp', ...common, ...load, packetRate: 'max', for: '1ms' }
  }
  const packetRate = dice.pick(['200pps', '5kpps', '50kpps'])
  return { kind: 'udp', ...common, ...load, packetRate, for: '10ms' }
}

function socketOf(dice: Dice): Record<string, unknown> {
  return {
    ...dice.maybe(0.3, 'congestion', () => 'reno'),
    ...dice.maybe(0.2, 'sendBuffer', () => dice.pick(['2kB', '16KiB', '1MiB'])),
    ...dice.maybe(0.2, 'receiveBuffer', () => dice.pick(['2kB', '16KiB', '1MiB'])),
    ...dice.maybe(0.3, 'noDelay', () => true),
  }
}

/** Where work may take no time an end of bytes keeps it from going on for ever. */
function tcpOf(dice: Dice, shared: Shared, hosts: RandomHosts): Record<string, unknown> {
  const isCounted = hosts.hasFreeWork || dice.chance(0.3)
  return {
    kind: 'tcp',
    ...shared,
    ...socketOf(dice),
    ...coresOf(dice, hosts),
    for: dice.pick(['2ms', '20ms']),
    ...(isCounted ? { bytes: dice.pick([1, 10_000, 1_000_000]) } : {}),
    parallel: dice.integer(1, 4),
    direction: dice.pick(['forward', 'forward', 'reverse', 'bidirectional']),
    ...dice.maybe(0.3, 'writeSize', () => dice.pick([1, 1000, 65_536])),
  }
}

/** A transaction on one host may take no time, and thousands of them go into a moment. */
function transactionsOf(dice: Dice, shared: Shared, hosts: RandomHosts): Record<string, unknown> {
  return {
    kind: dice.pick(['tcp-rr', 'tcp-crr']),
    ...shared,
    ...socketOf(dice),
    ...coresOf(dice, hosts),
    for: hosts.hasFreeWork ? '200us' : dice.pick(['300us', '5ms']),
    size: dice.pick([1, 100, 5000]),
    replySize: dice.pick([1, 1000, 20_000]),
    outstanding: dice.integer(1, 3),
  }
}
