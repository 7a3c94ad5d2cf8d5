import type { Commands } from '../../../host/commands.ts'
import type { RandomStream } from '../../../sim/random.ts'
import type { XfrmPolicySpec } from '../../../stack/xfrm/policy.ts'
import type { Aead } from '../../../wire/esp.ts'
import { PROTOCOL_UDP } from '../../../wire/frame.ts'
import { formatIpv4, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import type { OverlayConnectionParams } from '../mesh/overlay.ts'
import { appendUnique } from '../net/bridge.ts'

const MARK = 0x20000
const MARK_TEXT = '0x20000/0x20000'
const IN = 'WEAVE-IPSEC-IN'
const OUT = 'WEAVE-IPSEC-OUT'
const CHAINS: readonly (readonly ['mangle' | 'filter', string])[] = [
  ['mangle', IN],
  ['mangle', `${IN}-MARK`],
  ['filter', IN],
  ['mangle', OUT],
  ['mangle', `${OUT}-MARK`],
]
const BASE_RULES: readonly (readonly ['mangle' | 'filter', string])[] = [
  ['mangle', `INPUT -j ${IN}`],
  ['mangle', `${IN}-MARK -j MARK --set-xmark ${MARK_TEXT}`],
  ['filter', `INPUT -j ${IN}`],
  ['mangle', `OUTPUT -j ${OUT}`],
  ['mangle', `${OUT}-MARK -j MARK --set-xmark ${MARK_TEXT}`],
]
/** What is marked and has no policy must not leave; the daemon has a rule in OUTPUT for that. */
const NOT_IN_CLEAR: XfrmPolicySpec = {
  selector: { proto: PROTOCOL_UDP },
  mark: { value: MARK, mask: MARK },
  priority: 1,
  action: 'block',
}
const NONCE_BYTES = 32
const SPI_BYTES = 4
/** The lowest that a kernel gives out (RFC 4303 2.1 keeps those below). */
const SPI_MIN = 256
const REPLAY_WINDOW = 256

interface Established {
  inbound: number | null
  outbound: number | null
}

/**
 * Encryption of the fast datapath by the kernel's ESP, an association for each direction of a connection:
 * weaveworks/weave, net/ipsec. Who receives draws the number and a nonce for the key, and tells the other.
 */
export class Ipsec {
  private readonly commands: Commands
  private readonly random: RandomStream
  private readonly udpPort: number
  private readonly established = new Map<OverlayConnectionParams, Established>()

  constructor(commands: Commands, random: RandomStream, udpPort: number) {
    this.commands = commands
    this.random = random
    this.udpPort = udpPort
    this.flush()
    const { iptables } = commands
    for (const [table, chain] of CHAINS) iptables.run(`-t ${table} -N ${chain}`)
    for (const [table, rule] of BASE_RULES) appendUnique(iptables, table, rule)
    commands.xfrm.policy.add(NOT_IN_CLEAR)
  }

  private of(params: OverlayConnectionParams): Established {
    const known = this.established.get(params)
    if (known !== undefined) return known
    const made = { inbound: null, outbound: null }
    this.established.set(params, made)
    return made
  }

  /** Expects the peer's packets encrypted from now on. @returns what the peer needs to do so. */
  initLocal(params: OverlayConnectionParams): Uint8Array {
    const message = new Uint8Array(NONCE_BYTES + SPI_BYTES)
    for (let i = 0; i < NONCE_BYTES; i++) message[i] = this.random.integer(0, 0xff)
    const spi = this.random.integer(SPI_MIN, 0xffffffff)
    new DataView(message.buffer).setUint32(NONCE_BYTES, spi)
    const { remoteAddress: src, localAddress: dst } = params
    this.addState(src, dst, spi, keyOf(params, message))
    const { iptables } = this.commands
    for (const [table, rule] of this.rulesOf(params)) appendUnique(iptables, table, rule)
    this.of(params).inbound = spi
    return message
  }

  /** The peer is ready: ours to it are encrypted from now on. */
  initRemote(params: OverlayConnectionParams, message: Uint8Array): void {
    const spi = new DataView(message.buffer, message.byteOffset).getUint32(NONCE_BYTES)
    const { localAddress: src, remoteAddress: dst } = params
    this.addState(src, dst, spi, keyOf(params, message))
    const { policy } = this.commands.xfrm
    policy.delete(policyTo(src, dst, spi))
    policy.add(policyTo(src, dst, spi))
    this.of(params).outbound = spi
  }

  private addState(src: Ipv4Address, dst: Ipv4Address, spi: number, aead: Aead): void {
    this.commands.xfrm.state.add({ src, dst, spi, aead, replayWindow: REPLAY_WINDOW, esn: true })
  }

  /**
   * What comes by the tunnel's port unsealed is dropped; what goes out by it is marked for the policy. (The
   * daemon's first rule names the SPI as well.)
   */
  private rulesOf({
    localAddress,
    remoteAddress,
  }: OverlayConnectionParams): readonly (readonly ['mangle' | 'filter', string])[] {
    const [here, there] = [formatIpv4(localAddress), formatIpv4(remoteAddress)]
    const port = `-p udp --dport ${this.udpPort}`
    return [
      ['mangle', `${IN} -s ${there} -d ${here} -p esp -j ${IN}-MARK`],
      ['filter', `${IN} -s ${there} -d ${here} ${port} -m mark ! --mark ${MARK_TEXT} -j DROP`],
      ['mangle', `${OUT} -s ${here} -d ${there} ${port} -j ${OUT}-MARK`],
    ]
  }

  destroy(params: OverlayConnectionParams): void {
    const known = this.established.get(params)
    if (known === undefined) return
    this.established.delete(params)
    const { localAddress, remoteAddress } = params
    const { xfrm, iptables } = this.commands
    if (known.outbound !== null) {
      xfrm.policy.delete(policyTo(localAddress, remoteAddress, known.outbound))
      xfrm.state.delete({ src: localAddress, dst: remoteAddress, spi: known.outbound })
    }
    if (known.inbound === null) return
    xfrm.state.delete({ src: remoteAddress, dst: localAddress, spi: known.inbound })
    for (const [table, rule] of this.rulesOf(params)) {
      if (iptables.run(`-t ${table} -C ${rule}`)) iptables.run(`-t ${table} -D ${rule}`)
    }
  }

  /** Removes all of it, also what an earlier start has left. */
  flush(): void {
    const { iptables, namespace, xfrm } = this.commands
    for (const policy of namespace.xfrm?.policies ?? []) {
      if (policy.mark?.value === MARK) xfrm.policy.delete(policy)
    }
    for (const state of [...(namespace.xfrm?.states ?? [])]) xfrm.state.delete(state)
    this.established.clear()
    if (!iptables.save().includes(`:${IN} `)) return
    for (const [table, rule] of BASE_RULES) {
      if (iptables.run(`-t ${table} -C ${rule}`)) iptables.run(`-t ${table} -D ${rule}`)
    }
    for (const [table, chain] of CHAINS) iptables.run(`-t ${table} -F ${chain}`)
    for (const [table, chain] of CHAINS) iptables.run(`-t ${table} -X ${chain}`)
  }
}

/** Both ends make the same of the session's key and the receiver's nonce. */
function keyOf({ sessionKey }: OverlayConnectionParams, message: Uint8Array): Aead {
  let nonce = ''
  for (const byte of message.subarray(0, NONCE_BYTES)) nonce += byte.toString(16).padStart(2, '0')
  return { name: 'rfc4106(gcm(aes))', key: `${sessionKey}/${nonce}`, icvBits: 128 }
}

function policyTo(src: Ipv4Address, dst: Ipv4Address, spi: number): XfrmPolicySpec {
  return {
    selector: {
      src: { base: src, length: 32 },
      dst: { base: dst, length: 32 },
      proto: PROTOCOL_UDP,
    },
    mark: { value: MARK, mask: MARK },
    template: { src, dst, spi },
  }
}
