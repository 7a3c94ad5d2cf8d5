import { type MacAddress, macOf } from '../wire/mac-address.ts'

/** MAC addresses of hosts (52:54:00, as virtual machines have them) and of routers, in order. */
export class MacPlan {
  private hosts = 0
  private routers = 0

  host(): MacAddress {
    return macOf(0x525400, ++this.hosts)
  }

  router(): MacAddress {
    return macOf(0x525401, ++this.routers)
  }
}
