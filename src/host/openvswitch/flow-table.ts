import type { Frame } from '../../wire/frame.ts'
import { macHi, macLo } from '../../wire/mac-address.ts'
import type { EthernetKey, Flow, FlowKey, TunnelKey } from './flow.ts'

/**
 * The flows of a datapath. Port and tunnel are matched exactly, MACs exactly or not at all: two masks,
 * of which that with MACs is looked at first.
 */
export class FlowTable {
  /** By hash; flows that share one are chained. */
  private readonly buckets = new Map<number, Flow>()
  private count = 0
  /** Flows of all MACs. */
  private wildcards = 0

  get size(): number {
    return this.count
  }

  /** The flow of a packet that came in at a port, by a tunnel or not. */
  lookup(frame: Frame, inPort: number, tunnel: TunnelKey | null): Flow | null {
    const { srcHi, srcLo, dstHi, dstLo } = frame
    const ingress = hashOfIngress(inPort, tunnel)
    const hash = withMacs(ingress, srcHi, srcLo, dstHi, dstLo)
    let flow = this.buckets.get(hash) ?? null
    for (; flow !== null; flow = flow.next) {
      const { key } = flow
      const { ethernet } = key
      if (ethernet === null || key.inPort !== inPort || !isSameTunnel(key.tunnel, tunnel)) continue
      const { source, destination } = ethernet
      if (macLo(destination) !== dstLo || macHi(destination) !== dstHi) continue
      if (macLo(source) === srcLo && macHi(source) === srcHi) return flow
    }
    return this.wildcards === 0 ? null : this.find({ inPort, tunnel, ethernet: null }, ingress)
  }

  private find(key: FlowKey, hash: number): Flow | null {
    let flow = this.buckets.get(hash) ?? null
    while (flow !== null && !isSameKey(flow.key, key)) flow = flow.next
    return flow
  }

  /** @returns false when there is a flow of this key (EEXIST). */
  add(flow: Flow): boolean {
    const hash = hashOf(flow.key)
    if (this.find(flow.key, hash) !== null) return false
    flow.next = this.buckets.get(hash) ?? null
    this.buckets.set(hash, flow)
    this.count++
    if (flow.key.ethernet === null) this.wildcards++
    return true
  }

  /** @returns false when it is not in the table (ENOENT). */
  remove(flow: Flow): boolean {
    const hash = hashOf(flow.key)
    let previous: Flow | null = null
    for (let other = this.buckets.get(hash) ?? null; other !== null; other = other.next) {
      if (other === flow) {
        if (previous !== null) previous.next = flow.next
        else if (flow.next !== null) this.buckets.set(hash, flow.next)
        else this.buckets.delete(hash)
        this.count--
        if (flow.key.ethernet === null) this.wildcards--
        return true
      }
      previous = other
    }
    return false
  }

  clear(): void {
    this.buckets.clear()
    this.count = 0
    this.wildcards = 0
  }

  /** All flows at this moment. */
  entries(): Flow[] {
    const flows: Flow[] = []
    for (const first of this.buckets.values()) {
      for (let flow: Flow | null = first; flow !== null; flow = flow.next) flows.push(flow)
    }
    return flows
  }
}

function isSameTunnel(a: TunnelKey | null, b: TunnelKey | null): boolean {
  if (a === b) return true
  if (a === null || b === null) return false
  return a.id === b.id && a.source === b.source && a.destination === b.destination
}

function isSameEthernet(a: EthernetKey | null, b: EthernetKey | null): boolean {
  if (a === null || b === null) return a === b
  return a.source === b.source && a.destination === b.destination
}

function isSameKey(a: FlowKey, b: FlowKey): boolean {
  return (
    a.inPort === b.inPort &&
    isSameTunnel(a.tunnel, b.tunnel) &&
    isSameEthernet(a.ethernet, b.ethernet)
  )
}

function hashOf({ inPort, tunnel, ethernet }: FlowKey): number {
  const ingress = hashOfIngress(inPort, tunnel)
  if (ethernet === null) return ingress
  const { source, destination } = ethernet
  return withMacs(ingress, macHi(source), macLo(source), macHi(destination), macLo(destination))
}

function hashOfIngress(inPort: number, tunnel: TunnelKey | null): number {
  return tunnel === null ? mix(inPort, 0) : mix(mix(inPort, tunnel.id), tunnel.source)
}

function withMacs(
  ingress: number,
  srcHi: number,
  srcLo: number,
  dstHi: number,
  dstLo: number,
): number {
  return mix(mix(mix(mix(ingress, srcHi), srcLo), dstHi), dstLo)
}

/** A round of MurmurHash3. */
function mix(hash: number, value: number): number {
  const scrambled = Math.imul(value, 0xcc9e2d51)
  const turned = (scrambled << 15) | (scrambled >>> 17)
  const mixed = hash ^ Math.imul(turned, 0x1b873593)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}
