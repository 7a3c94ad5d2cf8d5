import type { Frame } from '../wire/frame.ts'

/** What a device does for the kernel: the features of `ethtool -k` that the model knows. */
export interface DeviceFeatures {
  /** tcp-segmentation-offload: takes units of several TCP segments. */
  readonly tso: boolean
  /** generic-receive-offload: what comes in is merged into units. */
  readonly gro: boolean
  /** tx-checksumming: computes the checksums of what is sent. */
  readonly txChecksum: boolean
  /** rx-checksumming: verifies the checksums of what comes in. */
  readonly rxChecksum: boolean
  /** tx-udp_tnl-csum-segmentation: takes units within a tunnel's packet. */
  readonly tunnelTso: boolean
  /** Whether what comes in within a tunnel's packet is merged before it is unpacked. */
  readonly tunnelGro: boolean
  /** Segments of the longest unit that it takes (gso_max_segs). */
  readonly gsoMaxSegments: number
  /** Bytes of the longest unit that it takes (gso_max_size). */
  readonly gsoMaxSize: number
}

/** GSO_MAX_SEGS and GSO_LEGACY_MAX_SIZE, what a device without own limits has. */
const GSO_MAX_SEGMENTS = 65535
const GSO_MAX_SIZE = 65536

/** What software devices and the NICs of servers have. One object: most devices never change theirs. */
export const ALL_OFFLOADS: DeviceFeatures = {
  tso: true,
  gro: true,
  txChecksum: true,
  rxChecksum: true,
  tunnelTso: true,
  tunnelGro: true,
  gsoMaxSegments: GSO_MAX_SEGMENTS,
  gsoMaxSize: GSO_MAX_SIZE,
}

/**
 * The features after a change. Without checksums a device cannot segment (netdev_fix_features): both
 * kinds of segmentation are off then, whatever was asked for.
 */
export function withFeatures(
  features: DeviceFeatures,
  changes: Partial<DeviceFeatures>,
): DeviceFeatures {
  const changed = { ...features, ...changes }
  return changed.txChecksum ? changed : { ...changed, tso: false, tunnelTso: false }
}

/** netif_needs_gso, the other way round: whether a device takes this unit whole. */
export function takesUnit(features: DeviceFeatures, unit: Frame): boolean {
  return (
    (unit.inner === null ? features.tso : features.tunnelTso) &&
    unit.gsoSegments <= features.gsoMaxSegments &&
    unit.l3Length < features.gsoMaxSize
  )
}
