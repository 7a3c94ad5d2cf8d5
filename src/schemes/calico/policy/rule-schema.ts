import { z } from 'zod'
import { parsePrefix } from '../../../wire/ipv4-address.ts'
import type { ValueIssueParams } from '../../option-types.ts'
import { parseSelector } from './selector/parser.ts'
import { SelectorError } from './selector/token.ts'

/** As the API server has it. */
const SELECTOR_LENGTH_MAX = 1024
const RULES_MAX = 1024
const NETS_MAX = 256
const PORTS_MAX = 50

/** Protocols with a name of their own in the API; their numbers. */
export const PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['ICMP', 1],
  ['TCP', 6],
  ['UDP', 17],
  ['SCTP', 132],
  ['UDPLite', 136],
])
const WITH_PORTS = ['TCP', 'UDP', 'SCTP', 6, 17, 132]

function params(remedy: string): ValueIssueParams & Record<string, unknown> {
  return { remedy, wrongType: false }
}

/** A selector, checked by its grammar: the fault names the place within it. */
export function selector() {
  return z
    .string()
    .max(SELECTOR_LENGTH_MAX)
    .check((context) => {
      try {
        parseSelector(context.value)
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error
        const message = `selector, character ${error.at + 1}: ${error.message}`
        const remedy = "write it like: app == 'db' && role in {'api','batch'} || !has(quarantine)"
        context.issues.push({
          code: 'custom',
          message,
          params: params(remedy),
          input: context.value,
        })
      }
    })
}

/** `10.0.0.0/8` or one address. */
export function net() {
  return z.string().check((context) => {
    if (parsePrefix(context.value) !== null) return
    const message = `"${context.value}" is not an address block of IPv4`
    const remedy = 'write it like 10.244.0.0/16'
    context.issues.push({ code: 'custom', message, params: params(remedy), input: context.value })
  })
}

const nets = () => z.array(net()).max(NETS_MAX).exactOptional()

/** First and last port of what a rule may say; null for the name of a port. */
export function portRange(port: number | string): readonly [number, number] | null {
  if (typeof port === 'number') return [port, port]
  const [, first, last] = /^(\d{1,5}):(\d{1,5})$/.exec(port) ?? []
  if (first !== undefined && last !== undefined) return [Number(first), Number(last)]
  return /^\d{1,5}$/.test(port) ? [Number(port), Number(port)] : null
}

const port = () =>
  z.union([z.int().min(0).max(65535), z.string().min(1)]).check((context) => {
    const range = portRange(context.value)
    const isName = range === null && /^[A-Za-z0-9_.-]{1,128}$/.test(String(context.value))
    const isRange = range !== null && range[0] <= range[1] && range[1] <= 65535
    if (isName || isRange) return
    const message = `"${context.value}" is no port`
    const remedy = 'write it like 80, "8000:8010" or the name of a port'
    context.issues.push({ code: 'custom', message, params: params(remedy), input: context.value })
  })

const ports = () => z.array(port()).max(PORTS_MAX).exactOptional()

const entity = z.strictObject({
  nets: nets().describe('Addresses, one of these blocks.'),
  notNets: nets().describe('None of these.'),
  selector: selector().exactOptional().describe('Endpoints, by labels.'),
  notSelector: selector().exactOptional().describe('All but these endpoints.'),
  namespaceSelector: selector()
    .exactOptional()
    .describe('By labels of namespaces; `global()` for what is in none.'),
  ports: ports().describe('80, "8000:8010" or the name of a port.'),
  notPorts: ports().describe('None of these.'),
})

const icmp = z.strictObject({
  type: z.int().min(0).max(254),
  code: z.int().min(0).max(255).exactOptional(),
})

const protocol = () =>
  z.union([z.enum([...PROTOCOLS.keys()]), z.int().min(1).max(255)]).exactOptional()

const ruleSchema = z
  .strictObject({
    action: z.enum(['Allow', 'Deny', 'Log', 'Pass']),
    ipVersion: z.union([z.literal(4), z.literal(6)]).exactOptional(),
    protocol: protocol().describe('TCP, UDP, ICMP, SCTP, UDPLite or a number.'),
    notProtocol: protocol().describe('All but this one.'),
    icmp: icmp.exactOptional().describe('`type` and `code`, with protocol ICMP.'),
    notICMP: icmp.exactOptional(),
    source: entity.exactOptional(),
    destination: entity.exactOptional(),
  })
  .check((context) => {
    const { value } = context
    const issue = (path: string[], message: string, remedy: string) =>
      context.issues.push({ code: 'custom', message, params: params(remedy), input: value, path })
    for (const side of ['source', 'destination'] as const) {
      const named = value[side]
      if (named?.ports === undefined && named?.notPorts === undefined) continue
      if (value.protocol !== undefined && WITH_PORTS.includes(value.protocol)) continue
      issue([side], 'ports without a protocol that has ports', 'add protocol: TCP, UDP or SCTP')
    }
    if (value.protocol !== undefined && value.notProtocol !== undefined) {
      issue(['notProtocol'], 'protocol and notProtocol', 'one of them')
    }
    const isIcmp = value.protocol === 'ICMP' || value.protocol === 1
    if ((value.icmp ?? value.notICMP) !== undefined && !isIcmp) {
      issue(['protocol'], 'icmp without its protocol', 'add protocol: ICMP')
    }
  })

export const rules = () => z.array(ruleSchema).max(RULES_MAX).exactOptional()
