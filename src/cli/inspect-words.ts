import type { ShowOptions } from '../host/show.ts'
import { suggest } from '../scenario/did-you-mean.ts'
import { EXIT_BAD_INPUT, ExitError } from './exit.ts'

export type ToolCommand =
  | 'ip route'
  | 'ip neigh'
  | 'ip link'
  | 'ip addr'
  | 'ip xfrm state'
  | 'ip xfrm policy'
  | 'bridge fdb'
  | 'iptables-save'

export const TOOL_COMMANDS: readonly ToolCommand[] = [
  'ip route',
  'ip neigh',
  'ip link',
  'ip addr',
  'ip xfrm state',
  'ip xfrm policy',
  'bridge fdb',
  'iptables-save',
]

/** Objects as the tools take them: whole, or cut short. */
const OBJECTS: Readonly<Record<string, readonly string[]>> = {
  ip: ['route', 'neighbour', 'link', 'address'],
  bridge: ['fdb'],
}
const SHOW = ['show', 'list', 'lst', 'ls']

interface ParsedWords {
  readonly command: ToolCommand
  readonly options: ShowOptions
}

/** `ip route show dev eth0`, `ip a`, `bridge fdb`: what a tool is asked for. */
export function parseWords(words: readonly string[]): ParsedWords {
  const [tool = '', object = '', ...rest] = words
  if (tool === 'iptables-save') {
    if (words.length > 1) throw badWords(words.slice(1), 'iptables-save takes no words')
    return { command: 'iptables-save', options: {} }
  }
  if (tool === 'ip' && object !== '' && 'xfrm'.startsWith(object)) return parseXfrm(rest)
  const whole = OBJECTS[tool]?.find((name) => object !== '' && name.startsWith(object))
  const command = TOOL_COMMANDS.find((each) => each === `${tool} ${shortOf(whole)}`)
  if (command === undefined) throw unknownCommand(words.join(' '), TOOL_COMMANDS)
  const filter = SHOW.includes(rest[0] ?? '') ? rest.slice(1) : rest
  return { command, options: filterOf(command, filter) }
}

/** `ip xfrm state`, `ip x p`. */
function parseXfrm([object = '', ...rest]: readonly string[]): ParsedWords {
  const whole = ['state', 'policy'].find((name) => object !== '' && name.startsWith(object))
  const command = TOOL_COMMANDS.find((each) => each === `ip xfrm ${whole}`)
  if (command === undefined) throw unknownCommand(`ip xfrm ${object}`.trim(), TOOL_COMMANDS)
  const words = SHOW.includes(rest[0] ?? '') ? rest.slice(1) : rest
  if (words.length > 0) throw badWords(words, `after "${command}" nothing can stand here`)
  return { command, options: {} }
}

function shortOf(object: string | undefined): string | undefined {
  return object?.replace('neighbour', 'neigh').replace('address', 'addr')
}

function filterOf(command: ToolCommand, words: readonly string[]): ShowOptions {
  if (words.length === 0) return {}
  const [first = '', second] = words
  if (first === 'dev' && second !== undefined && words.length === 2) return { device: second }
  // Links are named without "dev" as well.
  const isLink = command === 'ip link' || command === 'ip addr'
  if (isLink && words.length === 1 && first !== 'dev') return { device: first }
  throw badWords(words, `after "${command} show" it is "dev NAME" that can stand here`)
}

function badWords(words: readonly string[], remedy: string): ExitError {
  return new ExitError(EXIT_BAD_INPUT, `cannot understand "${words.join(' ')}"; ${remedy}`)
}

/** @param commands what can be asked of this node. */
export function unknownCommand(command: string, commands: readonly string[]): ExitError {
  const remedy = suggest(command, commands, 'what can be shown')
  return new ExitError(EXIT_BAD_INPUT, `cannot show "${command}"; ${remedy}`)
}
