import type { z } from 'zod'
import { bridgeScheme } from './bridge/index.ts'
import { calicoScheme } from './calico/index.ts'
import type { Scheme, SchemeContext, SchemeFinding } from './contract.ts'
import { dockerOverlayScheme } from './docker-overlay/index.ts'
import { flannelScheme } from './flannel/index.ts'
import { hostScheme } from './host/index.ts'
import { ipvlanScheme } from './ipvlan/index.ts'
import { macvlanScheme } from './macvlan/index.ts'
import { weaveScheme } from './weave/index.ts'

/** The schemes by name, as the scenario format and the builder ask for them. */
export class Schemes {
  private readonly byName: ReadonlyMap<string, Scheme>

  constructor(schemes: readonly Scheme[]) {
    this.byName = new Map(schemes.map((scheme) => [scheme.name, scheme]))
  }

  /** These and others, of other names. */
  with(others: readonly Scheme[]): Schemes {
    return new Schemes([...this.byName.values(), ...others])
  }

  names(): readonly string[] {
    return [...this.byName.keys()]
  }

  get(name: string): Scheme | undefined {
    return this.byName.get(name)
  }

  options(name: string): z.ZodType | undefined {
    return this.byName.get(name)?.options
  }

  summary(name: string): string {
    return this.byName.get(name)?.summary ?? ''
  }

  sharesFabricSubnet(name: string): boolean {
    return this.byName.get(name)?.sharesFabricSubnet ?? false
  }

  removal(name: string): string | null {
    return this.byName.get(name)?.removal ?? null
  }

  claims(name: string, options: unknown): readonly string[] {
    return this.byName.get(name)?.claims?.(options) ?? []
  }

  check(name: string, options: unknown, context: SchemeContext): readonly SchemeFinding[] {
    return this.byName.get(name)?.check?.(options, context) ?? []
  }
}

/** A new scheme is added here and nowhere else. */
export const builtinSchemes = new Schemes([
  hostScheme as Scheme,
  bridgeScheme as Scheme,
  macvlanScheme as Scheme,
  ipvlanScheme as Scheme,
  flannelScheme as Scheme,
  dockerOverlayScheme as Scheme,
  calicoScheme as Scheme,
  weaveScheme as Scheme,
])
