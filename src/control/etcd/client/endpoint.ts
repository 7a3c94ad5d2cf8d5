import { formatIpv4, parseIpv4 } from '../../../wire/ipv4-address.ts'
import type { StoreAddress } from '../../cluster/store.ts'

/** `http://10.0.0.1:2379`. */
export function endpointUrl({ address, port }: StoreAddress): string {
  return `http://${formatIpv4(address)}:${port}`
}

/** @returns null when `url` is no such address. */
export function parseEndpoint(url: string): StoreAddress | null {
  const match = /^http:\/\/([^:/]+):(\d{1,5})\/?$/.exec(url)
  const address = match === null ? null : parseIpv4(match[1]!)
  return address === null ? null : { address, port: Number(match![2]) }
}
