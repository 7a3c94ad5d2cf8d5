/** Blocks of IPAM as values (libcalico-go/lib/ipam/ipam_block.go). */
import { formatIpv4, type Ipv4Address, prefix } from '../../../wire/ipv4-address.ts'
import type { AllocationAttribute, AllocationBlock } from '../datastore/model.ts'

export interface Assignment {
  readonly handle: string | null
  readonly attributes: Readonly<Record<string, string>>
}

/** @param sequenceNumber where it begins: the time, so that a block made anew has others. */
export function newBlock(
  cidr: string,
  host: string,
  sequenceNumber: number,
  strictAffinity: boolean,
): AllocationBlock {
  const size = 2 ** (32 - prefix(cidr).length)
  return {
    cidr,
    affinity: affinityOf(host),
    strictAffinity,
    allocations: Array.from({ length: size }, () => null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: [],
    deleted: false,
    sequenceNumber,
    sequenceNumberForAllocation: {},
  }
}

export function affinityOf(host: string): string {
  return `host:${host}`
}

function addressAt({ cidr }: AllocationBlock, ordinal: number): Ipv4Address {
  return (prefix(cidr).base + ordinal) | 0
}

function ordinalOf({ cidr }: AllocationBlock, address: Ipv4Address): number {
  return (address - prefix(cidr).base) | 0
}

export function isEmpty({ allocations }: AllocationBlock): boolean {
  return allocations.every((each) => each === null)
}

/** The first of what is free: what was given back stands at the end. @returns null when it is full. */
export function autoAssign(
  block: AllocationBlock,
  assignment: Assignment,
): { readonly block: AllocationBlock; readonly address: Ipv4Address } | null {
  const [ordinal] = block.unallocated
  if (ordinal === undefined) return null
  return {
    block: withAllocation(block, ordinal, assignment),
    address: addressAt(block, ordinal),
  }
}

/** A given address. @returns null when somebody has it. */
export function assign(
  block: AllocationBlock,
  address: Ipv4Address,
  assignment: Assignment,
): AllocationBlock | null {
  const ordinal = ordinalOf(block, address)
  return block.allocations[ordinal] === null ? withAllocation(block, ordinal, assignment) : null
}

function withAllocation(
  block: AllocationBlock,
  ordinal: number,
  { handle, attributes: secondary }: Assignment,
): AllocationBlock {
  const attribute: AllocationAttribute = { handle_id: handle, secondary }
  const text = JSON.stringify(attribute)
  const known = block.attributes.findIndex((each) => JSON.stringify(each) === text)
  const index = known === -1 ? block.attributes.length : known
  const allocations = [...block.allocations]
  allocations[ordinal] = index
  return {
    ...block,
    allocations,
    unallocated: block.unallocated.filter((each) => each !== ordinal),
    attributes: known === -1 ? [...block.attributes, attribute] : block.attributes,
    sequenceNumberForAllocation: {
      ...block.sequenceNumberForAllocation,
      [String(ordinal)]: block.sequenceNumber,
    },
  }
}

/** What belongs to a handle, or one address. @returns null when there is nothing of it. */
export function release(
  block: AllocationBlock,
  what: { readonly handle: string } | { readonly address: Ipv4Address },
): { readonly block: AllocationBlock; readonly released: readonly Released[] } | null {
  const isMeant = (ordinal: number, index: number): boolean =>
    'handle' in what
      ? block.attributes[index]?.handle_id === what.handle
      : ordinal === ordinalOf(block, what.address)
  const ordinals = block.allocations.flatMap((index, ordinal) =>
    index !== null && isMeant(ordinal, index) ? [ordinal] : [],
  )
  if (ordinals.length === 0) return null
  const released = ordinals.map((ordinal) => ({
    address: formatIpv4(addressAt(block, ordinal)),
    handle: block.attributes[block.allocations[ordinal]!]?.handle_id ?? null,
  }))
  return { block: without(block, ordinals), released }
}

export interface Released {
  readonly address: string
  readonly handle: string | null
}

function without(block: AllocationBlock, ordinals: readonly number[]): AllocationBlock {
  const gone = new Set(ordinals)
  const kept = block.allocations.map((index, ordinal) => (gone.has(ordinal) ? null : index))
  const used = [...new Set(kept.filter((index) => index !== null))].sort((a, b) => a - b)
  const numbers = { ...block.sequenceNumberForAllocation }
  for (const ordinal of ordinals) delete numbers[String(ordinal)]
  return {
    ...block,
    allocations: kept.map((index) => (index === null ? null : used.indexOf(index))),
    unallocated: [...block.unallocated, ...ordinals],
    attributes: used.map((index) => block.attributes[index]!),
    sequenceNumberForAllocation: numbers,
  }
}
