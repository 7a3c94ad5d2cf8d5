import type { MacAddress } from '../../../wire/mac-address.ts'
import type { FlannelOptions } from '../options.ts'
import type { Backend, BackendContext } from './backend.ts'
import { HostGwBackend } from './host-gw.ts'
import { IPIP_DEVICE, IpipBackend } from './ipip.ts'
import { UdpBackend } from './udp.ts'
import { VxlanBackend, vxlanDeviceName } from './vxlan.ts'

/** @param mac for a device of the backend that is not there yet. */
export function makeBackend(context: BackendContext, mac: MacAddress): Backend {
  switch (context.options.backend) {
    case 'vxlan':
      return new VxlanBackend(context, mac)
    case 'host-gw':
      return new HostGwBackend(context)
    case 'ipip':
      return new IpipBackend(context)
    case 'udp':
      return new UdpBackend(context)
  }
}

/** The device that stays when flanneld has ended; null where there is none. */
export function tunnelDeviceOf(options: FlannelOptions): string | null {
  switch (options.backend) {
    case 'vxlan':
      return vxlanDeviceName(options)
    case 'ipip':
      return IPIP_DEVICE
    default:
      return null
  }
}
