import { formatPrefix, type Ipv4Prefix, overlaps } from '../../wire/ipv4-address.ts'
import type { Scheme, SchemeContext, SchemeFinding } from '../contract.ts'
import { type WeaveOptions, weaveOptions } from './options.ts'
import { startWeave } from './weave-daemon.ts'

/** The smallest subnet that the address manager takes. */
const LONGEST_SUBNET = 30

function check(options: WeaveOptions, context: SchemeContext): readonly SchemeFinding[] {
  return [...checkAddresses(options, context), ...checkHosts(options, context)]
}

function checkAddresses(
  { subnet, range }: WeaveOptions,
  { fabricSubnet }: SchemeContext,
): SchemeFinding[] {
  const findings: SchemeFinding[] = []
  if (overlaps(range, fabricSubnet)) {
    const message = `Network ${formatPrefix(range)} overlaps the hosts' ${formatPrefix(fabricSubnet)}`
    findings.push({ path: ['range'], message, remedy: 'another block, such as 10.32.0.0/12' })
  }
  if (subnet === undefined) return findings
  if (!isWithin(subnet, range)) {
    const message = `${formatPrefix(subnet)} is not within the range ${formatPrefix(range)}`
    findings.push({ path: ['subnet'], message, remedy: `a part of ${formatPrefix(range)}` })
  }
  if (subnet.length > LONGEST_SUBNET) {
    const message = `a subnet of ${2 ** (32 - subnet.length)} addresses is too small`
    findings.push({ path: ['subnet'], message, remedy: 'at least four addresses, /30' })
  }
  return findings
}

function isWithin(inner: Ipv4Prefix, outer: Ipv4Prefix): boolean {
  return inner.length >= outer.length && overlaps(inner, outer)
}

function checkHosts(
  { fastdp, expose, peers = {} }: WeaveOptions,
  { hosts }: SchemeContext,
): SchemeFinding[] {
  const findings: SchemeFinding[] = []
  const known = hosts.map(({ name }) => name)
  const check = (path: string[], names: readonly string[]) => {
    for (const name of names) {
      if (known.includes(name)) continue
      const remedy = `one of ${known.slice(0, 5).join(', ')}`
      findings.push({ path, message: `there is no host ${name}`, remedy })
    }
  }
  if (typeof fastdp !== 'boolean') check(['fastdp'], fastdp)
  if (typeof expose !== 'boolean') check(['expose'], expose)
  for (const [host, names] of Object.entries(peers)) {
    check(['peers'], [host])
    check(['peers', host], names)
  }
  return findings
}

function variant({ fastdp, bridgedFastdp, password }: WeaveOptions): string {
  const datapath = bridgedFastdp ? 'fastdp' : 'fastdp-unbridged'
  const overlay = fastdp === false ? 'sleeve' : datapath
  return `weave/${overlay}${password === undefined ? '' : '-encrypted'}`
}

export const weaveScheme: Scheme<WeaveOptions> = {
  name: 'weave',
  summary:
    'Weave Net: a mesh of routers without a store, which learn where containers are from their frames.',
  options: weaveOptions,
  variant,
  check,
  showcase: [
    { options: {} },
    { options: { fastdp: false } },
    { options: { password: 'correct horse battery staple' } },
    { name: 'weave/fastdp (exposed)', options: { expose: true } },
  ].map((showcase) => ({
    ...showcase,
    options: { ...showcase.options, subnet: '10.32.1.0/24' },
    another: { subnet: '10.32.2.0/24' },
  })),
  startHost: startWeave,
}
