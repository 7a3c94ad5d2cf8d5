/** What was too narrow for a packet that must not be cut. */
import type { TraceEvent } from '../../measure/trace-recorder.ts'
import type { NetDevice } from '../../stack/device.ts'
import type { NetNamespace } from '../../stack/namespace.ts'
import { parseIpv4 } from '../../wire/ipv4-address.ts'
import { type Cause, cause } from './cause.ts'
import type { Whereabouts } from './whereabouts.ts'

export function tooLong(sender: NetNamespace, destination: number, mtu: number): Cause {
  const device = sender.routes.lookup(destination)?.device ?? null
  const isDevices = device !== null && device.mtu === mtu
  return isDevices
    ? cause('mtu', 'present', narrowestOf(device).label, `mtu ${mtu}`, {
        reason: 'mtu_exceeded_df',
      })
    : cause('size', 'present', sender.name, `path mtu ${mtu}`, { reason: 'mtu_exceeded_df' })
}

/** Which device is too narrow: the one of the drop, or the one below a tunnel. */
export function narrowed({ place, row, destination }: TraceEvent, where: Whereabouts): Cause {
  const mtu = /mtu (\d+)/.exec(row ?? '')?.[1]
  const device = where.device(place)
  const isOwn = device === null || mtu === undefined || device.mtu === Number(mtu)
  if (isOwn) {
    const narrow = device === null ? place : narrowestOf(device).label
    return cause('mtu', 'present', narrow, row ?? `mtu ${device?.mtu ?? '?'}`, { row })
  }
  const root = where.namespace(where.machineOf(device.namespace))
  const below = root?.device('eth0') ?? null
  const address = destination === null ? null : parseIpv4(destination)
  const routed = address === null ? null : (device.namespace.routes.lookup(address)?.device ?? null)
  const narrow = routed?.mtu === Number(mtu) ? routed : below
  return cause('mtu', 'present', narrow?.label ?? place, row!, { row })
}

/** A device on top of another is never wider than that: then the lower one has to be widened first. */
function narrowestOf(device: NetDevice): NetDevice {
  const lower = 'lower' in device ? (device.lower as NetDevice | null) : null
  return lower !== null && lower.mtu === device.mtu ? lower : device
}
