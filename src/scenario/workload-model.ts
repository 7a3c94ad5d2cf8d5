/** The workloads of a scenario, with the units and rules of `model.ts`. */
import type { Ipv4Address } from '../wire/ipv4-address.ts'

export type EndpointRef =
  | { readonly kind: 'container'; readonly name: string }
  | { readonly kind: 'host'; readonly name: string }
  | { readonly kind: 'address'; readonly address: Ipv4Address }

export interface Flow {
  readonly from: EndpointRef
  readonly to: EndpointRef
}

interface WorkloadBase {
  /** `ping-1`, `udp-2`: the kind and its count, unless the file names it. */
  readonly name: string
  /** Start, picoseconds. */
  readonly at: number
}

interface FlowsBase extends WorkloadBase {
  /** One per pair of ends. */
  readonly flows: readonly Flow[]
  /** Core that the senders' threads are bound to; null = the scheduler chooses. */
  readonly senderCore: number | null
}

interface MeasuredBase extends FlowsBase {
  /** How long it sends, picoseconds. */
  readonly duration: number
  /** What is cut off the beginning of the measuring window, picoseconds. */
  readonly warmup: number
  readonly receiverCore: number | null
  readonly port: number
}

export interface PingModel extends FlowsBase {
  readonly kind: 'ping'
  readonly count: number
  readonly interval: number
  /** ICMP payload bytes, as `ping -s`. */
  readonly size: number
  readonly dontFragment: boolean
  readonly ttl: number
  readonly tos: number
}

export interface UdpModel extends MeasuredBase {
  readonly kind: 'udp'
  /** Packets per second of each pair; Infinity = as fast as the cores can. */
  readonly packetRate: number
  /** UDP payload bytes. */
  readonly size: number
  /** Flows (source ports) of each pair. */
  readonly parallel: number
  readonly dontFragment: boolean
  readonly ttl: number
  readonly tos: number
}

export interface UdpRequestResponseModel extends MeasuredBase {
  readonly kind: 'udp-rr'
  /** UDP payload bytes of a request. */
  readonly size: number
  readonly replySize: number
  /** Requests in flight of each pair. */
  readonly outstanding: number
  /** A request without a reply is given up after this, picoseconds. */
  readonly timeout: number
}

interface TcpBase extends MeasuredBase {
  readonly congestion: 'cubic' | 'reno'
  /** SO_SNDBUF and SO_RCVBUF, bytes; null = tuned by the kernel. */
  readonly sendBuffer: number | null
  readonly receiveBuffer: number | null
  readonly noDelay: boolean
}

export interface TcpModel extends TcpBase {
  readonly kind: 'tcp'
  /** Of each flow; null = as many as go within `duration`. */
  readonly bytes: number | null
  /** Flows of each pair and direction. */
  readonly parallel: number
  /** Bytes of one system call. */
  readonly writeSize: number
  readonly direction: 'forward' | 'reverse' | 'bidirectional'
}

export interface TcpTransactionsModel extends TcpBase {
  /** `tcp-crr`: a connection for each request. */
  readonly kind: 'tcp-rr' | 'tcp-crr'
  /** Bytes of a request. */
  readonly size: number
  readonly replySize: number
  /** Connections of each pair, with one request under way on each. */
  readonly outstanding: number
}

export interface MacofModel extends WorkloadBase {
  readonly kind: 'macof'
  readonly from: readonly EndpointRef[]
  /** Whose MAC address is the destination; null = a random one for each frame, as macof does it. */
  readonly to: EndpointRef | null
  /** Frames per second. */
  readonly packetRate: number
  /** Different source addresses, used in turn; null = every frame a new one. */
  readonly macs: number | null
  /** Frame bytes without FCS. */
  readonly size: number
  /** Frames in all: the smaller of `count` and what `for` admits. */
  readonly count: number
}

export type StoreApi = 'v2' | 'v3' | 'kv'

/** Clients of the scenario's store. */
export interface StoreLoadModel extends WorkloadBase {
  readonly kind: 'kv'
  /** One client each. */
  readonly clients: readonly EndpointRef[]
  readonly api: StoreApi
  readonly duration: number
  readonly warmup: number
  /** Operations under way at each client. */
  readonly outstanding: number
  /** From one operation to the next, picoseconds; null = as soon as the one before is over. */
  readonly interval: number | null
  readonly keys: number
  /** Bytes of a value. */
  readonly size: number
  /** Share of operations that read. */
  readonly reads: number
  readonly consistency: 'linearizable' | 'stale'
  readonly watch: boolean
  /** How often the first client drops the history, picoseconds; null = never. */
  readonly compactEvery: number | null
}

export type WorkloadModel =
  | PingModel
  | UdpModel
  | UdpRequestResponseModel
  | TcpModel
  | TcpTransactionsModel
  | MacofModel
  | StoreLoadModel
