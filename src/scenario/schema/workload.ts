/** The section `workload`: who sends what to whom. */
import { z } from 'zod'
import { duration, fraction, packetRate, rate, size } from '../../schemes/option-types.ts'
import { name, oneOrMany, portNumber, reference } from './names.ts'

const end = (what: string) =>
  oneOrMany(reference()).describe(`${what}: container, host or address, or a list of them.`)

const shared = {
  name: name().exactOptional().describe('Default: the kind and a number, such as ping-1.'),
  at: duration().prefault('1s').describe('Start, from the beginning of the run.'),
}

/** Ends of the flows: every `from` with every `to`, or `pairs`. */
const ends = {
  from: end('Who sends').exactOptional(),
  to: end('Who receives').exactOptional(),
  pairs: z
    .enum(['ring', 'mesh', 'cross-host'])
    .exactOptional()
    .describe(
      'Instead of `from` and `to`. `ring`: each to the next; `mesh`: each to each; `cross-host`: ' +
        'the k-th of each host to the k-th of the next host.',
    ),
  among: z
    .enum(['containers', 'hosts'])
    .exactOptional()
    .describe('Between whom `pairs` are made. Default: containers, if there are any.'),
}

const ttl = z.int().min(1).max(255).default(64).describe('Time to live.')
const tos = z.int().min(0).max(255).default(0).describe('The byte of DSCP and ECN.')
const dontFragment = z.boolean().default(false).describe('Set the DF bit.')
const lasting = duration().prefault('1s').describe('How long it sends.')
const payload = (bytes: number) => size().prefault(bytes)
const warmup = duration()
  .exactOptional()
  .describe('Cut off the beginning of what is measured, as `iperf3 -O`. Default: by `for`.')

const core = z.int().min(0).max(1023)
const senderCore = core
  .exactOptional()
  .describe('Core that the senders are bound to, from 0. Default: the scheduler chooses.')
const receiverCore = core
  .exactOptional()
  .describe('Core that the receivers are bound to. Default: the scheduler chooses.')
const cores = { senderCore, receiverCore }

const ping = z.strictObject({
  kind: z.literal('ping').describe('ICMP echo requests.'),
  ...shared,
  ...ends,
  count: z.int().min(1).max(10_000_000).default(5).describe('Requests of each pair.'),
  interval: duration().prefault('1s').describe('Time between two requests.'),
  size: payload(56).describe('ICMP payload, as `ping -s`.'),
  senderCore,
  dontFragment,
  ttl,
  tos,
})

const udp = z.strictObject({
  kind: z.literal('udp').describe('A stream of UDP packets, as iperf -u sends it.'),
  ...shared,
  ...ends,
  rate: rate().exactOptional().describe('Payload of each pair, as `iperf -b`. Default 100Mbps.'),
  packetRate: z
    .union([packetRate(), z.literal('max')])
    .exactOptional()
    .describe(
      'Packets of each pair, instead of `rate`; `max`: as fast as the cores can, as `iperf3 -b 0`.',
    ),
  size: payload(1400).describe('UDP payload of a packet.'),
  for: lasting,
  parallel: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Flows (source ports) that the packets of a pair are spread over.'),
  port: portNumber().default(5001).describe('Destination port.'),
  warmup,
  ...cores,
  dontFragment,
  ttl,
  tos,
})

const udpRequestResponse = z.strictObject({
  kind: z.literal('udp-rr').describe('UDP requests, each answered, as netperf UDP_RR.'),
  ...shared,
  ...ends,
  size: payload(1).describe('UDP payload of a request.'),
  replySize: payload(1).describe('UDP payload of a reply.'),
  for: lasting,
  outstanding: z.int().min(1).max(10_000).default(1).describe('Requests in flight of each pair.'),
  timeout: duration().prefault('1s').describe('After which a request is given up.'),
  port: portNumber().default(12865).describe('Destination port.'),
  warmup,
  ...cores,
})

const tcpSocket = {
  congestion: z
    .enum(['cubic', 'reno'])
    .default('cubic')
    .describe('Congestion control (TCP_CONGESTION).'),
  sendBuffer: size().exactOptional().describe('SO_SNDBUF. Default: tuned by the kernel.'),
  receiveBuffer: size().exactOptional().describe('SO_RCVBUF. Default: tuned by the kernel.'),
}
const noDelay = z.boolean().describe('TCP_NODELAY: small writes do not wait for ACKs.')

const tcp = z.strictObject({
  kind: z.literal('tcp').describe('Bulk data over TCP, as iperf3 sends it.'),
  ...shared,
  ...ends,
  for: lasting,
  bytes: size().exactOptional().describe('Bytes of each flow, within `for` at most.'),
  parallel: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Flows of each pair, as `iperf3 -P`; each has a thread on either side.'),
  direction: z
    .enum(['forward', 'reverse', 'bidirectional'])
    .default('forward')
    .describe('Who sends: `from`, or `to` (`iperf3 -R`), or both (`--bidir`).'),
  writeSize: size().prefault('128KiB').describe('Bytes of one system call.'),
  ...tcpSocket,
  noDelay: noDelay.default(false),
  port: portNumber().default(5201).describe('Port of the receiver.'),
  warmup,
  ...cores,
})

const tcpTransactions = {
  ...shared,
  ...ends,
  size: size().prefault(1).describe('Bytes of a request.'),
  replySize: size().prefault(1).describe('Bytes of a reply.'),
  for: lasting,
  outstanding: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Connections of each pair, with one request under way on each.'),
  ...tcpSocket,
  noDelay: noDelay.default(false),
  port: portNumber().default(12865).describe('Port of the receiver.'),
  warmup,
  ...cores,
}

const tcpRequestResponse = z.strictObject({
  kind: z.literal('tcp-rr').describe('Requests over TCP, each answered, as netperf TCP_RR.'),
  ...tcpTransactions,
})

const tcpConnect = z.strictObject({
  kind: z
    .literal('tcp-crr')
    .describe('As tcp-rr with a new connection for each request, as netperf TCP_CRR.'),
  ...tcpTransactions,
})

const macof = z.strictObject({
  kind: z.literal('macof').describe('Frames from ever new MAC addresses, against the MAC table.'),
  ...shared,
  from: end('Who sends'),
  to: reference()
    .exactOptional()
    .describe('Whose MAC address is the destination. Default: a random one for each frame.'),
  rate: packetRate().prefault('10kpps').describe('Frames of each sender.'),
  macs: z
    .int()
    .min(1)
    .max(100_000_000)
    .exactOptional()
    .describe('Different source addresses, in turn. Default: every frame a new one.'),
  size: size().prefault(60).describe('Frame without FCS.'),
  for: lasting,
  count: z.int().min(1).max(1e9).exactOptional().describe('Frames, if fewer than `for` admits.'),
})

const store = z.strictObject({
  kind: z.literal('kv').describe('Clients that read, write and watch keys of the store.'),
  ...shared,
  from: end('Where the clients run'),
  api: z
    .enum(['v2', 'v3', 'kv'])
    .exactOptional()
    .describe('Default: v3 of etcd (v2 before 3.0), kv of Consul.'),
  for: lasting,
  outstanding: z
    .int()
    .min(1)
    .max(10_000)
    .default(1)
    .describe('Operations in flight of each client.'),
  interval: duration()
    .exactOptional()
    .describe(
      'From one operation to the next, of each of those in flight, which take turns. Default: as ' +
        'soon as the one before is over.',
    ),
  keys: z.int().min(1).max(1_000_000).default(100).describe('Different keys, drawn at random.'),
  size: payload(100).describe('Value.'),
  reads: fraction().prefault('0%').describe('Share of operations that read.'),
  consistency: z
    .enum(['linearizable', 'stale'])
    .default('linearizable')
    .describe('Of the reads. `stale`: a member’s own copy, whatever it is worth.'),
  watch: z.boolean().default(false).describe('Each client also watches all of these keys.'),
  compactEvery: duration()
    .exactOptional()
    .describe(
      'The first client drops the history of changes so often, as by `etcdctl compact`; of v3.',
    ),
  warmup,
})

export const workload = z.discriminatedUnion('kind', [
  ping,
  udp,
  udpRequestResponse,
  tcp,
  tcpRequestResponse,
  tcpConnect,
  macof,
  store,
])

export type WorkloadEntry = z.output<typeof workload>
