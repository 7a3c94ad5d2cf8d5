/** Felix's parameters, each in a key of its own and in the words of its configuration file (felix 2.6, config). */
import { parseDuration } from '../../../control/consul/store/duration.ts'
import type { FelixConfigurationSpec } from './model.ts'

type Field = keyof FelixConfigurationSpec

interface Form {
  readonly parameter: string
  readonly encode: (value: string | number) => string
  readonly decode: (text: string) => string | number
}

const seconds = (parameter: string): Form => ({
  parameter,
  encode: (value) => String(parseDuration(String(value))! / 1e9),
  decode: (text) => `${text}s`,
})
const capitals = (parameter: string): Form => ({
  parameter,
  encode: (value) => String(value).toUpperCase(),
  decode: (text) => text.slice(0, 1) + text.slice(1).toLowerCase(),
})
const number = (parameter: string): Form => ({ parameter, encode: String, decode: Number })

const FORMS: Readonly<Partial<Record<Field, Form>>> = {
  defaultEndpointToHostAction: capitals('DefaultEndpointToHostAction'),
  ipipMTU: number('IpInIpMtu'),
  iptablesRefreshInterval: seconds('IptablesRefreshInterval'),
  routeRefreshInterval: seconds('RouteRefreshInterval'),
  ipsetsRefreshInterval: seconds('IpsetsRefreshInterval'),
  reportingInterval: seconds('ReportingIntervalSecs'),
  reportingTTL: seconds('ReportingTTLSecs'),
}

const FIELD_OF = new Map(
  Object.entries(FORMS).map(([field, form]) => [form.parameter, { field, form }]),
)

/** @returns texts by parameter; what Felix of that time has no parameter for is left out. */
export function encodeFelixConfig(spec: FelixConfigurationSpec): ReadonlyMap<string, string> {
  const texts = new Map<string, string>()
  for (const [field, value] of Object.entries(spec)) {
    const form = FORMS[field as Field]
    if (form !== undefined) texts.set(form.parameter, form.encode(value as string | number))
  }
  return texts
}

export function decodeFelixConfig(texts: ReadonlyMap<string, string>): FelixConfigurationSpec {
  const fields = [...texts].flatMap(([parameter, text]) => {
    const known = FIELD_OF.get(parameter)
    return known === undefined ? [] : [[known.field, known.form.decode(text)] as const]
  })
  return Object.fromEntries(fields)
}
