/**
 * What the scenario format must know of the schemes. The loader is handed a registry, so that no
 * scheme is named here.
 */
import type { z } from 'zod'
import type { SchemeContext, SchemeFinding } from '../schemes/contract.ts'
import type { Ipv4Prefix } from '../wire/ipv4-address.ts'

export interface SchemeRegistry {
  names(): readonly string[]
  /**
   * Schema of the keys of a network beside `scheme`: a strict object, so that wrong keys are found.
   * An option `subnet` that comes out as an `Ipv4Prefix` is the network's address block.
   */
  options(scheme: string): z.ZodType | undefined
  /** One sentence for the JSON Schema and the reference page. */
  summary?(scheme: string): string
  /** Whether the scheme's containers take addresses of the fabric's own subnet. */
  sharesFabricSubnet?(scheme: string): boolean
  /** What two networks of one host must not both have: names of devices and chains. */
  claims?(scheme: string, options: unknown): readonly string[]
  /** Faults that lie in the options together with the rest of the scenario. */
  check?(scheme: string, options: unknown, context: SchemeContext): readonly SchemeFinding[]
}

/** The address block of a network's options, if there is one. */
export function subnetOf(options: unknown): Ipv4Prefix | null {
  if (typeof options !== 'object' || options === null || !('subnet' in options)) return null
  const { subnet } = options
  return typeof subnet === 'object' && subnet !== null && 'base' in subnet && 'length' in subnet
    ? (subnet as Ipv4Prefix)
    : null
}
