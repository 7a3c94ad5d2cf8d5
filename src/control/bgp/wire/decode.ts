import { type Ipv4Prefix, maskOf } from '../../../wire/ipv4-address.ts'
import { ByteReader } from './byte-reader.ts'
import { decodeAttributes } from './decode-attributes.ts'
import {
  BGP_VERSION,
  CAPABILITY,
  FORWARDING_STATE,
  PARAMETER_CAPABILITIES,
  RESTART_STATE,
} from './encode.ts'
import { type BgpError, bgpError, ERROR, HEADER_ERROR, OPEN_ERROR, UPDATE_ERROR } from './error.ts'
import {
  AFI_IPV4,
  type BgpMessage,
  type Capabilities,
  type GracefulRestartCapability,
  HEADER_BYTES,
  MESSAGE,
  SAFI_UNICAST,
} from './message.ts'

export type Decoded = BgpMessage | { readonly kind: 'error'; readonly error: BgpError }

/** Shortest message of each type, octets. */
const LENGTH_MIN: Readonly<Record<number, number>> = {
  [MESSAGE.open]: HEADER_BYTES + 10,
  [MESSAGE.update]: HEADER_BYTES + 4,
  [MESSAGE.notification]: HEADER_BYTES + 2,
  [MESSAGE.keepalive]: HEADER_BYTES,
  [MESSAGE.routeRefresh]: HEADER_BYTES + 4,
}

/** Reads a whole message whose header's marker and length have been checked. */
export function decodeMessage(message: Uint8Array): Decoded {
  const type = message[18]!
  const least = LENGTH_MIN[type]
  if (least === undefined) {
    return failed(ERROR.header, HEADER_ERROR.badType, Uint8Array.of(type))
  }
  if (message.length < least || (type === MESSAGE.keepalive && message.length > least)) {
    return failed(ERROR.header, HEADER_ERROR.badLength, message.slice(16, 18))
  }
  const reader = new ByteReader(message.subarray(HEADER_BYTES))
  switch (type) {
    case MESSAGE.open:
      return decodeOpen(reader)
    case MESSAGE.update:
      return decodeUpdate(reader)
    case MESSAGE.notification: {
      const error = bgpError(reader.u8(), reader.u8(), reader.take(reader.left).slice())
      return { kind: 'notification', error }
    }
    case MESSAGE.keepalive:
      return { kind: 'keepalive' }
    default:
      return decodeRefresh(reader)
  }
}

function failed(code: number, subcode: number, data?: Uint8Array): Decoded {
  return { kind: 'error', error: bgpError(code, subcode, data) }
}

function decodeRefresh(reader: ByteReader): Decoded {
  const afi = reader.u16()
  reader.u8()
  return { kind: 'route-refresh', afi, safi: reader.u8() }
}

function decodeOpen(reader: ByteReader): Decoded {
  if (reader.u8() !== BGP_VERSION) {
    return failed(ERROR.open, OPEN_ERROR.version, Uint8Array.of(0, BGP_VERSION))
  }
  const as = reader.u16()
  const holdTime = reader.u16()
  const routerId = reader.u32() | 0
  if (reader.u8() !== reader.left) return failed(ERROR.open, 0)
  const capabilities = new CapabilityReader()
  while (reader.left > 0) {
    if (reader.left < 2) return failed(ERROR.open, 0)
    const type = reader.u8()
    const length = reader.u8()
    if (reader.left < length) return failed(ERROR.open, 0)
    if (type !== PARAMETER_CAPABILITIES) return failed(ERROR.open, OPEN_ERROR.parameter)
    if (!capabilities.read(new ByteReader(reader.take(length)))) return failed(ERROR.open, 0)
  }
  return { kind: 'open', as, holdTime, routerId, capabilities: capabilities.result() }
}

class CapabilityReader {
  private namesFamilies = false
  private ipv4Unicast = false
  private routeRefresh = false
  private fourOctetAs: number | null = null
  private gracefulRestart: GracefulRestartCapability | null = null

  /** Takes the capabilities of one parameter. @returns whether their lengths are right. */
  read(reader: ByteReader): boolean {
    while (reader.left > 0) {
      if (reader.left < 2) return false
      const code = reader.u8()
      const length = reader.u8()
      if (reader.left < length || !this.take(code, reader.take(length))) return false
    }
    return true
  }

  private take(code: number, value: Uint8Array): boolean {
    const reader = new ByteReader(value)
    switch (code) {
      case CAPABILITY.multiprotocol:
        this.namesFamilies = true
        if (isIpv4Unicast(reader.u16(), reader.u16() & 255)) this.ipv4Unicast = true
        return value.length === 4
      case CAPABILITY.routeRefresh:
        this.routeRefresh = true
        return value.length === 0
      case CAPABILITY.fourOctetAs:
        this.fourOctetAs = reader.u32()
        return value.length === 4
      case CAPABILITY.gracefulRestart:
        this.gracefulRestart = decodeRestart(reader)
        return value.length % 4 === 2
      default:
        return true
    }
  }

  result(): Capabilities {
    const { routeRefresh, fourOctetAs, gracefulRestart } = this
    const ipv4Unicast = this.ipv4Unicast || !this.namesFamilies
    return { ipv4Unicast, routeRefresh, fourOctetAs, gracefulRestart }
  }
}

function isIpv4Unicast(afi: number, safi: number): boolean {
  return afi === AFI_IPV4 && safi === SAFI_UNICAST
}

function decodeRestart(reader: ByteReader): GracefulRestartCapability {
  const head = reader.u16()
  let isAble = false
  let hasForwarded = false
  while (reader.left >= 4) {
    const isOurs = isIpv4Unicast(reader.u16(), reader.u8())
    const flags = reader.u8()
    if (!isOurs) continue
    isAble = true
    hasForwarded = (flags & FORWARDING_STATE) !== 0
  }
  return {
    hasRestarted: (head & RESTART_STATE) !== 0,
    restartTime: head & 0xfff,
    isAble,
    hasForwarded,
  }
}

function decodeUpdate(reader: ByteReader): Decoded {
  const withdrawnLength = reader.u16()
  if (reader.left < withdrawnLength + 2) return failed(ERROR.update, UPDATE_ERROR.attributeList)
  const withdrawn = decodePrefixes(new ByteReader(reader.take(withdrawnLength)))
  const attributesLength = reader.u16()
  if (reader.left < attributesLength) return failed(ERROR.update, UPDATE_ERROR.attributeList)
  const encoded = reader.take(attributesLength)
  const announced = decodePrefixes(reader)
  if (withdrawn === null || announced === null) {
    return failed(ERROR.update, UPDATE_ERROR.networkField)
  }
  if (announced.length === 0) return { kind: 'update', withdrawn, attributes: null, announced }
  const decoded = decodeAttributes(encoded)
  if (decoded.kind === 'error') return decoded
  const attributes = decoded.kind === 'right' ? decoded.attributes : null
  return { kind: 'update', withdrawn, attributes, announced }
}

function decodePrefixes(reader: ByteReader): Ipv4Prefix[] | null {
  const blocks: Ipv4Prefix[] = []
  while (reader.left > 0) {
    const length = reader.u8()
    const octets = Math.ceil(length / 8)
    if (length > 32 || reader.left < octets) return null
    let base = 0
    for (let i = 0; i < octets; i++) base |= reader.u8() << (24 - 8 * i)
    blocks.push({ base: base & maskOf(length), length })
  }
  return blocks
}
