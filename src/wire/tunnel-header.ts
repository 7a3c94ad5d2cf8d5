/**
 * What an IP protocol puts between its IP header and the IP packet that it carries, such as GRE
 * (RFC 2784). The packet carried is the frame's `inner`. A header is never changed: packets share it.
 */
export abstract class TunnelHeader {
  /** As reports and captures name the layer: `GRE`. */
  abstract readonly name: string
  /** Length of what `encode` gives, bytes. */
  abstract readonly bytes: number
  /** As it stands on the wire. */
  abstract encode(): Uint8Array
}
