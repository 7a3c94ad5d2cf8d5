import type { Frame } from '../wire/frame.ts'
import { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'
import { Route } from './route-table.ts'

/** The first device of every namespace. */
const IFINDEX = 1

/** `lo`: what is sent comes back by the backlog. */
export class Loopback extends NetDevice {
  readonly kind = 'loopback'
  /** The way to every local address. */
  readonly route: Route

  constructor(namespace: NetNamespace) {
    super(namespace, 'lo', 65536, 0, IFINDEX)
    this.noArp = true
    this.up = true
    const destination = { base: 0, length: 0 }
    this.route = new Route({ destination, type: 'local', device: this, scope: 'host' }, null)
  }

  protected transmit(frame: Frame): void {
    this.namespace.kernel.netifRx(frame, this)
  }
}
