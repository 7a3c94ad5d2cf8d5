/** What RACK remembers of a connection (RFC 8985, 5.2). Times are microseconds. */
export class Rack {
  /** Sending time and end of the segment that was sent last of all that have arrived. */
  sentAt = 0
  end = 0
  /** Its round-trip time. */
  rtt = 0
  /** Something arrived since losses were last looked for. */
  isAdvanced = false
  /** Steps of the reordering window, in quarters of the least round trip. */
  windowSteps = 1
  /** Recoveries for which the steps are kept (reo_wnd_persist). */
  persist = 0
  isDsackSeen = false
  /** `delivered` when the steps were last increased. */
  lastDelivered = 0
}
