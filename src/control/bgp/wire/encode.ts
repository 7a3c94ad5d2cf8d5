import { type Ipv4Prefix, maskOf } from '../../../wire/ipv4-address.ts'
import { ByteWriter } from './byte-writer.ts'
import { encodeAttributes } from './encode-attributes.ts'
import type { BgpError } from './error.ts'
import {
  AFI_IPV4,
  AS_TRANS,
  type BgpMessage,
  type Capabilities,
  type GracefulRestartCapability,
  HEADER_BYTES,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  type OpenMessage,
  SAFI_UNICAST,
} from './message.ts'

export const BGP_VERSION = 4
/** Optional parameter of an OPEN that holds capabilities (RFC 5492). */
export const PARAMETER_CAPABILITIES = 2

export const CAPABILITY = {
  multiprotocol: 1,
  routeRefresh: 2,
  gracefulRestart: 64,
  fourOctetAs: 65,
} as const

/** Bits of the graceful restart capability (RFC 4724). */
export const RESTART_STATE = 0x8000
export const FORWARDING_STATE = 0x80

/** A message as it stands in the TCP stream. Of an UPDATE the caller sees to the length. */
export function encodeMessage(message: BgpMessage): Uint8Array {
  switch (message.kind) {
    case 'open':
      return framed(MESSAGE.open, openBody(message))
    case 'update': {
      const { withdrawn, attributes, announced } = message
      const encoded = attributes === null ? NOTHING : encodeAttributes(attributes)
      return framed(MESSAGE.update, updateBody(withdrawn, encoded, announced))
    }
    case 'notification':
      return framed(MESSAGE.notification, notificationBody(message.error))
    case 'keepalive':
      return framed(MESSAGE.keepalive, NOTHING)
    case 'route-refresh': {
      const { afi, safi } = message
      return framed(MESSAGE.routeRefresh, Uint8Array.of(afi >> 8, afi, 0, safi))
    }
  }
}

const NOTHING = new Uint8Array(0)

function framed(type: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + body.length)
  message.fill(0xff, 0, 16)
  message[16] = message.length >> 8
  message[17] = message.length
  message[18] = type
  message.set(body, HEADER_BYTES)
  return message
}

function openBody({ as, holdTime, routerId, capabilities }: OpenMessage): Uint8Array {
  const parameters = encodeCapabilities(capabilities)
  const writer = new ByteWriter()
  writer.u8(BGP_VERSION)
  writer.u16(as > 0xffff ? AS_TRANS : as)
  writer.u16(holdTime)
  writer.u32(routerId)
  writer.u8(parameters.length + 2)
  writer.u8(PARAMETER_CAPABILITIES)
  writer.u8(parameters.length)
  writer.put(parameters)
  return writer.finish()
}

/** All of them in one parameter, as RFC 5492 recommends. */
function encodeCapabilities(capabilities: Capabilities): Uint8Array {
  const { ipv4Unicast, routeRefresh, fourOctetAs, gracefulRestart } = capabilities
  const writer = new ByteWriter()
  if (ipv4Unicast) {
    writer.put(Uint8Array.of(CAPABILITY.multiprotocol, 4, 0, AFI_IPV4, 0, SAFI_UNICAST))
  }
  if (routeRefresh) writer.put(Uint8Array.of(CAPABILITY.routeRefresh, 0))
  if (gracefulRestart !== null) putGracefulRestart(writer, gracefulRestart)
  if (fourOctetAs !== null) {
    writer.put(Uint8Array.of(CAPABILITY.fourOctetAs, 4))
    writer.u32(fourOctetAs)
  }
  return writer.finish()
}

function putGracefulRestart(writer: ByteWriter, restart: GracefulRestartCapability): void {
  writer.u8(CAPABILITY.gracefulRestart)
  writer.u8(restart.isAble ? 6 : 2)
  writer.u16((restart.hasRestarted ? RESTART_STATE : 0) | restart.restartTime)
  if (!restart.isAble) return
  writer.u16(AFI_IPV4)
  writer.u8(SAFI_UNICAST)
  writer.u8(restart.hasForwarded ? FORWARDING_STATE : 0)
}

function notificationBody({ code, subcode, data }: BgpError): Uint8Array {
  const body = new Uint8Array(2 + data.length)
  body[0] = code
  body[1] = subcode
  body.set(data, 2)
  return body
}

function updateBody(
  withdrawn: readonly Ipv4Prefix[],
  attributes: Uint8Array,
  announced: readonly Ipv4Prefix[],
): Uint8Array {
  const writer = new ByteWriter()
  writer.u16(0)
  for (const block of withdrawn) putPrefix(writer, block)
  writer.setU16(0, writer.length - 2)
  writer.u16(attributes.length)
  writer.put(attributes)
  for (const block of announced) putPrefix(writer, block)
  return writer.finish()
}

/** The length in bits, and only as many octets as that needs. */
function putPrefix(writer: ByteWriter, { base, length }: Ipv4Prefix): void {
  const address = base & maskOf(length)
  writer.u8(length)
  for (let bit = 0; bit < length; bit += 8) writer.u8((address >>> (24 - bit)) & 255)
}

const UPDATE_FIXED_BYTES = HEADER_BYTES + 4
const PREFIX_BYTES_MAX = 5

/** UPDATEs that withdraw `blocks`, as few as their length allows. */
export function encodeWithdrawals(blocks: readonly Ipv4Prefix[]): Uint8Array[] {
  return inParts(blocks, MESSAGE_BYTES_MAX - UPDATE_FIXED_BYTES).map((part) =>
    framed(MESSAGE.update, updateBody(part, NOTHING, [])),
  )
}

/** UPDATEs that announce `blocks`, all with the same attributes. @param attributes encoded. */
export function encodeAnnouncements(
  attributes: Uint8Array,
  blocks: readonly Ipv4Prefix[],
): Uint8Array[] {
  const room = MESSAGE_BYTES_MAX - UPDATE_FIXED_BYTES - attributes.length
  return inParts(blocks, room).map((part) =>
    framed(MESSAGE.update, updateBody([], attributes, part)),
  )
}

/** @param room octets for prefixes in one message. */
function inParts(blocks: readonly Ipv4Prefix[], room: number): Ipv4Prefix[][] {
  const each = Math.floor(room / PREFIX_BYTES_MAX)
  const parts: Ipv4Prefix[][] = []
  // Attributes that leave no room cannot be sent at all.
  if (each < 1) return parts
  for (let i = 0; i < blocks.length; i += each) parts.push(blocks.slice(i, i + each))
  return parts
}

/** The marker that ends the initial routes of IPv4 unicast (RFC 4724): an empty UPDATE. */
export function encodeEndOfRib(): Uint8Array {
  return framed(MESSAGE.update, updateBody([], NOTHING, []))
}
