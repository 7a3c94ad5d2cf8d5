import { formatIpv4, type Ipv4Address } from '../../../wire/ipv4-address.ts'
import { CLIENT_PORT, PEER_PORT } from '../settings.ts'

/** A member as its cluster knows it. */
export interface EtcdIdentity {
  readonly name: string
  readonly address: Ipv4Address
  /** 64 bits, hexadecimal without leading zeros. */
  readonly id: string
  /** The same, as JSON of v3 has it. */
  readonly decimalId: string
  readonly peerUrl: string
  readonly clientUrl: string
}

const FNV_OFFSET = 0xcbf29ce484222325n
const FNV_PRIME = 0x100000001b3n
const MASK_64 = (1n << 64n) - 1n

/** etcd derives ids from the initial cluster by SHA-1; any 64 bits that differ serve here (FNV-1a). */
function idOf(text: string): string {
  let hash = FNV_OFFSET
  for (let i = 0; i < text.length; i++) {
    hash = ((hash ^ BigInt(text.charCodeAt(i))) * FNV_PRIME) & MASK_64
  }
  return hash.toString(16)
}

export function identityOf(name: string, address: Ipv4Address): EtcdIdentity {
  const peerUrl = `http://${formatIpv4(address)}:${PEER_PORT}`
  const clientUrl = `http://${formatIpv4(address)}:${CLIENT_PORT}`
  const id = idOf(peerUrl)
  return { name, address, id, decimalId: decimalOf(id), peerUrl, clientUrl }
}

export function clusterIdOf(members: readonly EtcdIdentity[]): string {
  return idOf(members.map(({ id }) => id).join(','))
}

/** As JSON of v3 has ids. */
export function decimalOf(id: string): string {
  return BigInt(`0x${id}`).toString()
}
