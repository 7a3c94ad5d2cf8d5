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
   * An option `subnet` that comes out as an `Ipv4Prefix` is the network's address block; a list
   * `moreSubnets` of mappings with such a key has further ones.
   */
  options(scheme: string): z.ZodType | undefined
  /** One sentence for the JSON Schema and the reference page. */
  summary?(scheme: string): string
  /** Whether the scheme's containers take addresses of the fabric's own subnet. */
  sharesFabricSubnet?(scheme: string): boolean
  /** The command by which a user removes a network of it; null = there is none. */
  removal?(scheme: string): string | null
  /** What two networks of one host must not both have: names of devices and chains. */
  claims?(scheme: string, options: unknown): readonly string[]
  /** Faults that lie in the options together with the rest of the scenario. */
  check?(scheme: string, options: unknown, context: SchemeContext): readonly SchemeFinding[]
}

/** All address blocks of a network's options. */
export function subnetsOf(options: unknown): readonly Ipv4Prefix[] {
  const further =
    typeof options === 'object' && options !== null && 'moreSubnets' in options
      ? options.moreSubnets
      : []
  const all = [options, ...(Array.isArray(further) ? further : [])]
  return all.map(subnetOf).filter((block) => block !== null)
}

/** The address block of a network's options, or the first of them, if there is one. */
export function subnetOf(options: unknown): Ipv4Prefix | null {
  if (typeof options !== 'object' || options === null || !('subnet' in options)) return null
  const { subnet } = options
  return typeof subnet === 'object' && subnet !== null && 'base' in subnet && 'length' in subnet
    ? (subnet as Ipv4Prefix)
    : null
}
