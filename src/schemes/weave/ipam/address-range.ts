import { formatIpv4, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'

/** Addresses as whole numbers from 0 to 2^32, so that they can be compared and an end can lie behind the last. */
export type Offset = number

/** Addresses from `start` up to, and without, `end`. */
export interface AddressRange {
  readonly start: Offset
  readonly end: Offset
}

export function offsetOf(address: Ipv4Address): Offset {
  return address >>> 0
}

export function addressOf(offset: Offset): Ipv4Address {
  return offset | 0
}

export function formatOffset(offset: Offset): string {
  return formatIpv4(addressOf(offset))
}

export function rangeOf(block: Ipv4Prefix): AddressRange {
  const start = offsetOf(block.base)
  return { start, end: start + 2 ** (32 - block.length) }
}

/** Without the first and the last address, which RFC 1122 keeps for other uses. */
export function hostRangeOf(block: Ipv4Prefix): AddressRange {
  const { start, end } = rangeOf(block)
  return { start: start + 1, end: end - 1 }
}

export function sizeOf(range: AddressRange): number {
  return range.end - range.start
}

/** As a prefix, which the ranges of whole rings are. */
export function describeRange({ start, end }: AddressRange): string {
  let length = 32
  while (2 ** (32 - length) < end - start) length--
  return `${formatOffset(start)}/${length}`
}

/** The biggest block of a power of two, at a multiple of its size, within the range: address.go, BiggestCIDRRange. */
export function biggestBlock(range: AddressRange): AddressRange {
  const size = sizeOf(range)
  let block = 1
  while (block * 2 <= size) block *= 2
  const rest = size - block
  const over = range.start % block
  if (over === 0) return { start: range.start, end: range.start + block }
  if (block - over <= rest) return blockAt(range.start + block - over, block)
  const half = block / 2
  return blockAt(range.start + (half >= over ? half - over : block - over), half)
}

function blockAt(start: Offset, size: number): AddressRange {
  return { start, end: start + size }
}
