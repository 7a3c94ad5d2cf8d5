import type { Frame } from '../wire/frame.ts'
import { NetDevice } from './device.ts'
import type { NetNamespace } from './namespace.ts'

/** `lo`: what is sent comes back by the backlog. */
export class Loopback extends NetDevice {
  readonly kind = 'loopback'

  constructor(namespace: NetNamespace) {
    super(namespace, 'lo', 65536, 0)
    this.noArp = true
  }

  protected transmit(frame: Frame): void {
    this.namespace.kernel.netifRx(frame, this)
  }
}
