/** What several backends ask of the kernel. */
import type { Host } from '../../../host/host.ts'
import type { Route } from '../../../stack/route-table.ts'
import { contains, type Ipv4Address, type Ipv4Prefix } from '../../../wire/ipv4-address.ts'

/** errno as Go prints it. */
const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  ENETUNREACH: 'network is unreachable',
  ENOBUFS: 'no buffer space available',
  ENOSPC: 'no space left on device',
  ESRCH: 'no such process',
}

export function errnoText(errno: string): string {
  return ERRNO_TEXT[errno] ?? errno
}

/**
 * A /32, so that no connected route and no broadcast come with it; one of an earlier subnet of the
 * network goes (EnsureV4AddressOnLink).
 */
export function ensureAddress(
  { root, commands }: Host,
  dev: string,
  address: Ipv4Address,
  network: Ipv4Prefix,
): void {
  const device = root.device(dev)!
  for (const old of device.addresses) {
    if (old.address !== address && contains(network, old.address)) root.removeAddress(device, old)
  }
  if (!device.addresses.some((own) => own.address === address)) {
    commands.addr.add({ address, length: 32 }, dev)
  }
}

/** Whether a host is on a link of ours: `ip route get` names no gateway (ip.DirectRouting). */
export function isDirect({ root }: Host, publicIp: Ipv4Address): boolean {
  const route = root.routes.lookup(publicIp)
  return route !== null && route.via === null && route.device !== null
}

/** `ip route del` of this very route. @returns the kernel's refusal, or null. */
export function deleteRoute(
  { root, commands }: Host,
  dst: Ipv4Prefix,
  isMeant: (route: Route) => boolean,
): string | null {
  const present = root.routes.exact(dst)
  if (present === null || !isMeant(present)) return errnoText('ESRCH')
  commands.route.delete(dst)
  return null
}
