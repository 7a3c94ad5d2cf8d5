/** Tables of every namespace, as a real kernel had them and as ours has them, to be compared. */
import { expect } from 'vitest'
import { showFdb, showNeighbours, showRoutes } from '../../src/host/show.ts'
import { showAddresses, showLinks } from '../../src/host/show-links.ts'
import type { Lab } from '../lab/lab.ts'
import { goldenText } from './golden-run.ts'

const KINDS = ['links', 'vxlan', 'addresses', 'routes', 'neighbours', 'fdb'] as const
type Kind = (typeof KINDS)[number]
type Dump = Map<string, Record<Kind, string[]>>

const MAC = '(?:[0-9a-f]{2}:){5}[0-9a-f]{2}'
const LINK = new RegExp(`^(\\S+) +(\\S+) +(${MAC}) <(.*)>$`)
const ADDRESS = /^(\S+) +(UP|DOWN|UNKNOWN)( .*)?$/
const NEIGHBOUR = new RegExp(`^[\\d.]+ dev \\S+ (lladdr ${MAC} |FAILED|INCOMPLETE)`)
const FDB = new RegExp(`^${MAC} dev `)
const VXLAN = /vxlan id .* udpcsum/
/** Lines about a VXLAN device that hold what other kinds of line hold too, or what is not modelled. */
const OTHER_DETAIL = /^\d+: |^ +(link\/|bridge_slave)/

function kindOf(line: string): Kind | null {
  if (OTHER_DETAIL.test(line)) return null
  if (VXLAN.test(line)) return 'vxlan'
  if (LINK.test(line)) return 'links'
  if (FDB.test(line)) return 'fdb'
  if (NEIGHBOUR.test(line)) return 'neighbours'
  return ADDRESS.test(line) ? 'addresses' : 'routes'
}

function emptyNode(): Record<Kind, string[]> {
  return { links: [], vxlan: [], addresses: [], routes: [], neighbours: [], fdb: [] }
}

function kernelDump(scheme: string): Dump {
  const dump: Dump = new Map()
  for (const section of goldenText(scheme, 'state').split(/^== /m).slice(1)) {
    const [node, ...lines] = section.trimEnd().split('\n')
    const entry = emptyNode()
    for (const line of lines) {
      const kind = kindOf(line)
      // Numbers of devices and of namespaces, as that kernel gave them out.
      const plain = line.trim().replace(/@if\d+| link-netnsid \d+/, '')
      if (kind !== null) entry[kind].push(plain)
    }
    dump.set(node!, entry)
  }
  return dump
}

interface LinkJson {
  readonly ifname: string
  readonly operstate: string
  readonly address: string
  readonly flags: readonly string[]
  readonly linkinfo?: { readonly info_kind: string; readonly info_data: Record<string, unknown> }
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number }[]
}

function ourDump(lab: Lab): Dump {
  return new Map(
    lab.nodeNames().map((node) => {
      const namespace = lab.namespace(node)
      const links = (showLinks(namespace, { details: true }).json as LinkJson[]).filter(
        ({ ifname }) => ifname !== 'lo',
      )
      const addresses = showAddresses(namespace).json as LinkJson[]
      const trimmed = ({ lines }: { lines: readonly string[] }) =>
        lines.map((line) => line.trimEnd())
      const entry = {
        links: links.map((link) => {
          const { ifname, operstate, address, flags } = link
          return `${ifname} ${operstate} ${address} <${flags.join(',')}>`
        }),
        vxlan: links.filter(({ linkinfo }) => linkinfo?.info_kind === 'vxlan').map(vxlanLine),
        addresses: addresses
          .filter(({ ifname }) => ifname !== 'lo')
          .map(({ ifname, operstate, addr_info: info = [] }) => {
            const list = info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)
            return [ifname, operstate, ...list].join(' ')
          }),
        routes: trimmed(showRoutes(namespace)),
        neighbours: trimmed(showNeighbours(namespace)),
        fdb: trimmed(showFdb(namespace)),
      }
      return [node, entry] as const
    }),
  )
}

/** As `ip -d link` words it, from the details that `-j` gives. */
function vxlanLine({ linkinfo }: LinkJson): string {
  const data = linkinfo!.info_data
  const range = data['port_range'] as { low: number; high: number }
  const words = [
    `vxlan id ${data['id']}`,
    data['local'] === undefined ? [] : `local ${data['local']}`,
    data['link'] === undefined ? [] : `dev ${data['link']}`,
    `srcport ${range.low} ${range.high} dstport ${data['port']}`,
    data['learning'] === true ? [] : 'nolearning',
    ['proxy', 'l2miss', 'l3miss'].filter((flag) => data[flag] === true),
    `ttl ${data['ttl'] === 0 ? 'auto' : data['ttl']} ageing ${data['ageing']}`,
    data['udp_csum'] === true ? 'udpcsum' : 'noudpcsum',
  ]
  return words.flat().join(' ')
}

/**
 * Sorts each table and gives addresses that nobody chose the name of their owner, since they are
 * drawn at random: a device's own in its row, a bridge's at its neighbours.
 */
function normalised(dump: Dump, configured: ReadonlySet<string>): Dump {
  const ownerOf = new Map<string, string>()
  const macOf = new Map<string, string>()
  for (const [node, { links }] of dump) {
    for (const line of links) {
      const [, name, , mac] = LINK.exec(line)!
      macOf.set(`${node} ${name}`, mac!)
      if (/^((cni|br|sw)\d|docker_gwbridge)$/.test(name!)) ownerOf.set(mac!, `${node}/${name}`)
    }
  }
  const rename = (node: string, line: string) => {
    const device = / dev (\S+)/.exec(line)?.[1] ?? line.split(' ')[0]
    return line.replace(new RegExp(MAC), (mac) => {
      if (configured.has(mac)) return mac
      return macOf.get(`${node} ${device}`) === mac ? 'OWN' : (ownerOf.get(mac) ?? mac)
    })
  }
  const tidy = (node: string, lines: string[]) =>
    lines.map((line) => rename(node, line).replace(/ +/g, ' ').trim()).sort()
  return new Map(
    [...dump].map(([node, entry]) => {
      const tables = KINDS.map((kind) => [kind, tidy(node, entry[kind])] as const)
      return [node, Object.fromEntries(tables) as Record<Kind, string[]>]
    }),
  )
}

/** Parameters of a VXLAN device up to its checksum; what follows are offloads of that kernel. */
function upToChecksum(dump: Dump): Dump {
  for (const entry of dump.values()) {
    entry.vxlan = entry.vxlan.map((line) => VXLAN.exec(line)![0])
  }
  return dump
}

/** Gives a line of a node the names that the lab's script had for what it is about; null = left out. */
export type Rename = (line: string, node: string) => string | null

const AS_IT_IS: Rename = (line) => line

/**
 * @param rename for names of ours that are others.
 * @param renameKernel for what of the kernel's no scheme has programmed.
 */
export function expectSameTables(
  scheme: string,
  lab: Lab,
  rename: Rename = AS_IT_IS,
  renameKernel: Rename = AS_IT_IS,
): void {
  const configured = new Set(lab.configuredMacs)
  const theirs = renamed(kernelDump(scheme), renameKernel)
  const kernel = normalised(upToChecksum(theirs), configured)
  const ours = normalised(renamed(ourDump(lab), rename), configured)
  expect([...ours.keys()].sort()).toEqual([...kernel.keys()].sort())
  for (const [node, tables] of kernel)
    expect({ node, ...ours.get(node)! }).toEqual({ node, ...tables })
}

function renamed(dump: Dump, rename: Rename): Dump {
  for (const [node, entry] of dump) {
    for (const kind of KINDS) {
      const lines = entry[kind].map((line) => rename(line, node))
      entry[kind] = lines.filter((line) => line !== null)
    }
  }
  return dump
}
