import { STAGE_ESP_INPUT, STAGE_ESP_OUTPUT, STAGE_GSO } from '../../cpu/stage.ts'
import { type Aead, EspHeader, espContent, espLength, PROTOCOL_ESP } from '../../wire/esp.ts'
import { ETHERTYPE_IPV4, Frame, IPV4_HEADER_BYTES } from '../../wire/frame.ts'
import { ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED } from '../../wire/icmp.ts'
import { formatIpv4 } from '../../wire/ipv4-address.ts'
import type { NetDevice } from '../device.ts'
import { segment } from '../gso.ts'
import { linkMtu } from '../ipv4.ts'
import type { NetNamespace } from '../namespace.ts'
import type { NetlinkError, Route } from '../route-table.ts'
import { fitsPolicy, isSamePolicy, type XfrmPolicySpec, type XfrmTemplate } from './policy.ts'
import { XfrmState, type XfrmStateId, type XfrmStateSpec } from './state.ts'

/**
 * IPsec of a namespace (net/xfrm): ESP in transport mode, keyed by hand. Policies are for what is sent;
 * what comes in is let through whether it was sealed or not, for rules to tell apart (`-m policy`).
 * Nothing is encrypted: a packet carries what it was sealed with, and opens with nothing else.
 */
export class Xfrm {
  readonly states: XfrmState[] = []
  /** In the order in which they are asked. */
  policies: readonly XfrmPolicySpec[] = []
  private readonly namespace: NetNamespace

  constructor(namespace: NetNamespace) {
    this.namespace = namespace
    namespace.ipv4.registerProtocol(PROTOCOL_ESP, (frame, device) => this.input(frame, device))
  }

  addState(spec: XfrmStateSpec): NetlinkError | null {
    if (this.stateOf(spec.dst, spec.spi) !== undefined) return EXISTS
    this.states.push(new XfrmState(spec))
    return null
  }

  deleteState({ dst, spi }: XfrmStateId): NetlinkError | null {
    const at = this.states.findIndex((state) => state.dst === dst && state.spi === spi)
    if (at < 0) return { errno: 'ESRCH', message: 'RTNETLINK answers: No such process' }
    this.states.splice(at, 1)
    return null
  }

  addPolicy(spec: XfrmPolicySpec): NetlinkError | null {
    if (this.policies.some((other) => isSamePolicy(other, spec))) return EXISTS
    const priority = spec.priority ?? 0
    const behind = this.policies.findIndex((other) => (other.priority ?? 0) > priority)
    const at = behind < 0 ? this.policies.length : behind
    this.policies = this.policies.toSpliced(at, 0, spec)
    return null
  }

  /** @param spec of which selector and mark count. */
  deletePolicy(spec: XfrmPolicySpec): NetlinkError | null {
    const left = this.policies.filter((other) => !isSamePolicy(other, spec))
    if (left.length === this.policies.length) {
      return { errno: 'ENOENT', message: 'RTNETLINK answers: No such file or directory' }
    }
    this.policies = left
    return null
  }

  private stateOf(dst: number, spi: number): XfrmState | undefined {
    return this.states.find((state) => state.dst === dst && state.spi === spi)
  }

  /**
   * Seals a packet that is to be sent if a policy says so (xfrm_output), and sends it on.
   * @returns false when no policy concerns it.
   */
  output(frame: Frame, route: Route): boolean {
    // What has just been sealed is not sealed once more.
    if (frame.protocol === PROTOCOL_ESP) return false
    const policy = this.policies.find((each) => fitsPolicy(each, frame))
    if (policy === undefined) return false
    if (policy.action === 'block') {
      this.namespace.drop(frame, 'xfrm_policy_block', route.device)
      return true
    }
    if (policy.template === undefined) return false
    const state = this.find(policy.template)
    if (state === undefined) this.namespace.drop(frame, 'xfrm_no_state', route.device)
    else if (frame.gsoSize === 0) this.seal(frame, state, route)
    else for (const each of this.cut(frame)) this.seal(each, state, route)
    return true
  }

  /** xfrm_state_find: the newest that fits, as it stands first in the kernel's chains. */
  private find({ src, dst, spi, reqid }: XfrmTemplate): XfrmState | undefined {
    return this.states.findLast(
      (state) =>
        state.dst === dst &&
        state.src === src &&
        (spi === undefined || state.spi === spi) &&
        (reqid === undefined || state.reqid === reqid),
    )
  }

  /** xfrm_output_gso: a unit is cut before, for no card can do it afterwards. */
  private cut(unit: Frame): Frame[] {
    const { kernel } = this.namespace
    const segments = segment(unit)
    kernel.spend(STAGE_GSO, segments.length, unit.length)
    kernel.ledger.split++
    kernel.ledger.segments += segments.length
    return segments
  }

  /** esp_output. */
  private seal(frame: Frame, state: XfrmState, route: Route): void {
    const { namespace } = this
    const { aead } = state
    const length = IPV4_HEADER_BYTES + espLength(frame.l3Length - IPV4_HEADER_BYTES, aead)
    const mtu = linkMtu(route)
    if (frame.dontFragment && length > mtu) return this.refuse(frame, mtu, aead)
    const sequence = state.nextSequence()
    if (sequence === null) return namespace.drop(frame, 'xfrm_sequence', route.device)
    namespace.spend(STAGE_ESP_OUTPUT, frame)
    state.count(frame.l3Length)
    const outer = new Frame()
    outer.etherType = ETHERTYPE_IPV4
    outer.l3Length = length
    outer.ipSrc = frame.ipSrc
    outer.ipDst = frame.ipDst
    outer.protocol = PROTOCOL_ESP
    outer.ttl = frame.ttl
    outer.tos = frame.tos
    outer.ipId = frame.ipId
    outer.dontFragment = frame.dontFragment
    outer.header = new EspHeader(state.spi, sequence, aead)
    outer.inner = frame
    outer.mark = frame.mark
    outer.trace = frame.trace
    outer.takeOwner(frame)
    if (frame.trace !== 0) {
      const row = `spi 0x${state.spi.toString(16)}, sequence ${sequence}`
      namespace.charge('esp_output', frame, row, route.device)
    }
    namespace.ipv4.sendEncapsulated(outer)
  }

  /** The MTU of a way is smaller by what sealing adds. */
  private refuse(frame: Frame, mtu: number, aead: Aead): void {
    const { namespace } = this
    const left = IPV4_HEADER_BYTES + espContent(mtu - IPV4_HEADER_BYTES, aead)
    namespace.ipv4.learnPathMtu(frame.ipDst, left)
    namespace.icmp.sendError(frame, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, left)
    namespace.drop(frame, 'mtu_exceeded_df', null, frame.trace === 0 ? undefined : `mtu ${left}`)
  }

  /** xfrm_input and esp_input: opens a packet, which then comes in once more as it was. */
  private input(outer: Frame, device: NetDevice): void {
    const { namespace } = this
    const { header, inner } = outer
    if (!(header instanceof EspHeader) || inner === null) {
      return namespace.drop(outer, 'ip_header', device)
    }
    const state = this.stateOf(outer.ipDst, header.spi)
    if (state === undefined) {
      const row = `spi 0x${header.spi.toString(16)} from ${formatIpv4(outer.ipSrc)}`
      return namespace.drop(outer, 'xfrm_no_state', device, row)
    }
    if (!state.replay.admits(header.sequence)) {
      return namespace.drop(outer, 'xfrm_replay', device, `sequence ${header.sequence}`)
    }
    namespace.spend(STAGE_ESP_INPUT, outer)
    if (outer.badChecksum || !isSame(header.aead, state.aead)) {
      return namespace.drop(outer, 'xfrm_integrity', device)
    }
    state.replay.advance(header.sequence)
    state.count(inner.l3Length)
    if (outer.trace !== 0) {
      namespace.charge('esp_input', outer, `spi 0x${state.spi.toString(16)}`, device)
    }
    namespace.ipv4.receive(opened(outer, inner), device)
  }
}

/** A packet with the header under which it came, and none of its sender's memory. */
function opened(outer: Frame, inner: Frame): Frame {
  if (outer.shared) inner.shared = true
  const frame = inner.writable()
  frame.ttl = outer.ttl
  frame.tos = outer.tos
  frame.conntrack = null
  frame.flowHash = 0
  frame.fragmentMax = 0
  frame.mark = outer.mark
  frame.trace = outer.trace
  frame.isSecured = true
  return frame
}

function isSame(a: Aead, b: Aead): boolean {
  return a === b || (a.name === b.name && a.key === b.key && a.icvBits === b.icvBits)
}

const EXISTS: NetlinkError = { errno: 'EEXIST', message: 'RTNETLINK answers: File exists' }
