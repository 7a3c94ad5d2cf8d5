import { NetDevice } from '../stack/device.ts'
import type { NetNamespace } from '../stack/namespace.ts'
import type { MacAddress } from '../wire/mac-address.ts'
import { LinkError } from './link-error.ts'

export type LinkChange = 'mtu' | 'mac' | 'down' | 'moved' | 'gone'

/** Told of changes of a device: by the kernel's netdevice notifier in real life. */
export interface LinkWatcher {
  linkChanged(device: HostDevice, change: LinkChange): void
}

const MAX_MTU = 65535
/** IPv4's least (RFC 791), ETH_MIN_MTU. */
const MIN_MTU = 68

/** A network device of a Linux host: adds what `ip link set` changes and who must hear of it. */
export abstract class HostDevice extends NetDevice {
  private watchers: readonly LinkWatcher[] | null = null
  private gone = false

  watch(watcher: LinkWatcher): void {
    this.watchers = (this.watchers ?? []).concat(watcher)
  }

  unwatch(watcher: LinkWatcher): void {
    this.watchers = this.watchers?.filter((other) => other !== watcher) ?? null
  }

  private notify(change: LinkChange): void {
    if (this.watchers === null) return
    for (const watcher of [...this.watchers]) watcher.linkChanged(this, change)
  }

  /** Largest MTU that `ip link set mtu` takes, bytes. */
  get maxMtu(): number {
    return MAX_MTU
  }

  /** `ip link set mtu`. */
  setMtu(mtu: number): LinkError | null {
    if (mtu < MIN_MTU || mtu > this.maxMtu) {
      return new LinkError(
        'EINVAL',
        `mtu ${mtu} of ${this.name} is not in ${MIN_MTU}..${this.maxMtu}`,
      )
    }
    this.mtu = mtu
    this.notify('mtu')
    return null
  }

  override setMac(mac: MacAddress): void {
    super.setMac(mac)
    this.notify('mac')
  }

  /** `ip link set up` and `down`. */
  setUp(up: boolean): void {
    if (this.up === up) return
    this.up = up
    if (!up) this.notify('down')
  }

  /** A device that moves to another namespace leaves its bridge and goes down. */
  override moveTo(namespace: NetNamespace): void {
    this.notify('moved')
    this.up = false
    super.moveTo(namespace)
  }

  /** Asks for frames to a further unicast address (dev_uc_add); a device that hears all need not. */
  addUnicast(_mac: MacAddress): void {}

  removeUnicast(_mac: MacAddress): void {}

  changePromiscuity(by: number): void {
    this.promiscuity += by
  }

  override destroy(): void {
    if (this.gone) return
    this.gone = true
    super.destroy()
    this.notify('gone')
    this.watchers = null
    this.release()
  }

  /** Gives back what the device holds elsewhere; called once. */
  protected release(): void {}

  /** `ip link del`: takes what stands on top of the device with it. */
  remove(): void {
    if (this.gone) return
    this.destroy()
    this.namespace.removeDevice(this)
  }
}
