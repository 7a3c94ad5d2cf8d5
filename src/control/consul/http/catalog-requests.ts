import type { CheckArguments } from '../store/commands.ts'
import { BodyReader, parseBody } from './body.ts'
import type { DecodedCall, HttpRequest } from './call.ts'
import { type Parameters, readCall } from './parameters.ts'
import { BadRequest } from './plain-answer.ts'

const DECODE_FAILED = 'Request decode failed'

export function decodeNodes(parameters: Parameters): DecodedCall {
  const call = readCall({ read: 'nodes' }, parameters)
  return { call, shape: { as: 'nodes', consistency: call.consistency } }
}

export function decodeNodeChecks(node: string, parameters: Parameters): DecodedCall {
  const call = readCall({ read: 'node-checks', node }, parameters)
  if (node === '') throw new BadRequest(400, 'Missing node name')
  return { call, shape: { as: 'checks', consistency: call.consistency } }
}

/** A node with its checks; services are not modelled and are refused rather than forgotten. */
export function decodeRegister(request: HttpRequest): DecodedCall {
  const reader = new BodyReader(parseBody(request.body, DECODE_FAILED), DECODE_FAILED)
  refuseService(reader, 'Service')
  const many: unknown = reader.raw('Checks') ?? []
  if (!Array.isArray(many)) return reader.refuse('Checks', 'array')
  const one = reader.raw('Check')
  const checks = (one === undefined ? many : [...many, one]).map(checkOf)
  const node = reader.text('Node', '')
  const address = reader.text('Address', '')
  return {
    call: { kind: 'apply', command: { type: 'register', node, address, checks } },
    shape: { as: 'true' },
  }
}

function checkOf(given: unknown): CheckArguments {
  const reader = new BodyReader(given, DECODE_FAILED)
  const name = reader.text('Name', '')
  return {
    check: reader.text('CheckID', '') || name,
    name,
    // A check that says nothing is critical.
    status: reader.text('Status', '') || 'critical',
    output: reader.text('Output', ''),
  }
}

export function decodeDeregister(request: HttpRequest): DecodedCall {
  const reader = new BodyReader(parseBody(request.body, DECODE_FAILED), DECODE_FAILED)
  refuseService(reader, 'ServiceID')
  const node = reader.text('Node', '')
  const check = reader.text('CheckID', '')
  const command = { type: 'deregister', node, ...(check === '' ? {} : { check }) } as const
  return { call: { kind: 'apply', command }, shape: { as: 'true' } }
}

function refuseService(reader: BodyReader, name: string): void {
  if (reader.has(name)) throw new BadRequest(400, `${DECODE_FAILED}: no services modelled`)
}
