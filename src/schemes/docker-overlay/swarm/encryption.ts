import type { Host } from '../../../host/host.ts'
import type { XfrmPolicySpec } from '../../../stack/xfrm/policy.ts'
import type { XfrmStateSpec } from '../../../stack/xfrm/state.ts'
import { PROTOCOL_UDP } from '../../../wire/frame.ts'
import type { Ipv4Address } from '../../../wire/ipv4-address.ts'
import { VXLAN_PORT } from '../options.ts'
import type { SwarmKey } from './records.ts'

/** Of packets that are to be sealed, and the id of what seals them (encryption.go). */
const MARK = 0xd0c4e3
const MARK_MASK = 0xffffffff
const AEAD = 'rfc4106(gcm(aes))'
const ICV_BITS = 64
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** What stands in the kernel towards one node. */
interface Secured {
  /** Endpoints of that node on encrypted networks. */
  readonly endpoints: Set<string>
  states: readonly XfrmStateSpec[]
  policy: XfrmPolicySpec | null
}

/**
 * `-o encrypted`: what leaves by VXLAN with the number of such a network is marked, and what is marked is
 * sealed with the key of the middle; all keys open. What comes in with that number unsealed is dropped.
 */
export class OverlayEncryption {
  private readonly host: Host
  private keys: readonly SwarmKey[] = []
  private readonly nodes = new Map<Ipv4Address, Secured>()

  constructor(host: Host) {
    this.host = host
  }

  /** Keys were handed out or rotated. @param keys the oldest first. */
  setKeys(keys: readonly SwarmKey[]): void {
    this.keys = keys.filter(({ subsystem }) => subsystem === 'networking:ipsec')
    for (const [address, node] of this.nodes) this.program(address, node)
  }

  /** Rules of one network of this host, from its namespace's beginning to its end. */
  changeNetwork(command: 'add' | 'remove', vni: number): void {
    const { iptables } = this.host.commands
    const isVni = `-m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=${vni * 256}"`
    const packets = `-p udp -m udp --dport ${VXLAN_PORT}`
    const [append, insert] = command === 'add' ? ['-A', '-I'] : ['-D', '-D']
    iptables.run(`-t mangle ${append} OUTPUT ${packets} ${isVni} -j MARK --set-mark ${MARK}`)
    iptables.run(`${append} INPUT ${packets} ${isVni} -m policy --dir in --pol ipsec -j ACCEPT`)
    iptables.run(`${insert} INPUT ${packets} ${isVni} -m policy --dir in --pol none -j DROP`)
  }

  /** Another node has an endpoint on an encrypted network. */
  addEndpoint(node: Ipv4Address, endpoint: string): void {
    const known = this.nodes.get(node)
    if (known !== undefined) {
      known.endpoints.add(endpoint)
      return
    }
    const secured = { endpoints: new Set([endpoint]), states: [], policy: null }
    this.nodes.set(node, secured)
    this.program(node, secured)
  }

  removeEndpoint(node: Ipv4Address, endpoint: string): void {
    const known = this.nodes.get(node)
    if (known === undefined) return
    known.endpoints.delete(endpoint)
    if (known.endpoints.size > 0) return
    this.clear(known)
    this.nodes.delete(node)
  }

  private clear(node: Secured): void {
    const { xfrm } = this.host.commands
    if (node.policy !== null) xfrm.policy.delete(node.policy)
    for (const state of node.states) xfrm.state.delete(state)
    node.policy = null
    node.states = []
  }

  /** What the keys of the moment ask for takes the place of what stood there. */
  private program(address: Ipv4Address, node: Secured): void {
    const { xfrm } = this.host.commands
    const { address: own } = this.host
    const wanted = this.keys.map((key) => stateOf(address, own, key))
    // Not the newest: everybody has had this one for as long as a key is in the middle.
    const [, primary] = this.keys
    if (primary !== undefined) wanted.push(stateOf(own, address, primary))
    const isKept = (state: XfrmStateSpec, list: readonly XfrmStateSpec[]) =>
      list.some(({ spi, dst }) => spi === state.spi && dst === state.dst)
    // What is to be opened can be, before anybody seals with it.
    for (const state of wanted) if (!isKept(state, node.states)) xfrm.state.add(state)
    const policy = primary === undefined ? null : policyOf(own, address, primary)
    if (node.policy !== null) xfrm.policy.delete(node.policy)
    if (policy !== null) xfrm.policy.add(policy)
    for (const state of node.states) if (!isKept(state, wanted)) xfrm.state.delete(state)
    node.policy = policy
    node.states = wanted
  }
}

function stateOf(src: Ipv4Address, dst: Ipv4Address, key: SwarmKey): XfrmStateSpec {
  const spi = spiOf(src, dst, key.time)
  const salt = spi.toString(16).padStart(8, '0')
  const aead = { name: AEAD, key: key.key + salt, icvBits: ICV_BITS }
  return { src, dst, spi, reqid: MARK, aead }
}

function policyOf(src: Ipv4Address, dst: Ipv4Address, key: SwarmKey): XfrmPolicySpec {
  return {
    selector: {
      src: { base: src, length: 32 },
      dst: { base: dst, length: 32 },
      proto: PROTOCOL_UDP,
      // Whatever `--data-path-port` says: with another port nothing is sealed (moby#45635).
      dport: VXLAN_PORT,
    },
    mark: { value: MARK, mask: MARK_MASK },
    template: { src, dst, spi: spiOf(src, dst, key.time), reqid: MARK },
  }
}

/** buildSPI: FNV-1a of both ends with the key's tag between them. */
function spiOf(src: Ipv4Address, dst: Ipv4Address, tag: number): number {
  let hash = FNV_OFFSET
  for (const word of [src, tag, dst]) {
    for (const shift of [24, 16, 8, 0]) {
      hash = Math.imul(hash ^ ((word >>> shift) & 0xff), FNV_PRIME)
    }
  }
  return hash >>> 0
}
