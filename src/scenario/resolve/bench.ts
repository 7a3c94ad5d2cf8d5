/** Mode bench: hosts without cables, as namespaces of one kernel. Most of a fabric is of no use there. */
import type { NodeModel } from '../model.ts'
import type { Path } from '../place.ts'
import type { Context } from './context.ts'
import type { Graph } from './fabric.ts'

/** The namespace with the bridge that joins the hosts. */
const BENCH_SWITCH = 'sw'

/** Of `fabric`: what a bench has. Of `links` it has the MTU alone. */
const FABRIC_KEYS = ['mode', 'hostsPerRack', 'links', 'subnet']
/** Of `hosts.nic`: a veth has no queues and no interrupts. */
const NIC_KEYS = [
  'mtu',
  'tso',
  'gro',
  'txChecksum',
  'rxChecksum',
  'tunnelOffload',
  'tunnelTso',
  'tunnelGro',
  'gsoMaxSegments',
]
/** Of `hosts.override`: what a host does not share with the others. */
const OVERRIDE_KEYS = ['nic', 'deviceOffloads']

export function benchGraph(context: Context, hosts: number): Graph {
  const { input } = context
  checkKeys(context, ['fabric'], FABRIC_KEYS, 'on a bench there are no cables and no switches')
  checkKeys(context, ['fabric', 'links'], ['mtu'], 'on a bench there are no cables')
  const veth = 'on a bench eth0 is a veth, which has none'
  checkKeys(context, ['hosts', 'nic'], NIC_KEYS, veth)
  for (const name of Object.keys(input.hosts.override)) {
    const path = ['hosts', 'override', name]
    checkKeys(context, path, OVERRIDE_KEYS, 'on a bench all hosts share one kernel and its cores')
    checkKeys(context, [...path, 'nic'], NIC_KEYS, veth)
  }
  const nodes: NodeModel[] = []
  for (let i = 1; i <= hosts; i++) {
    nodes.push({ kind: 'host', name: `h${i}`, role: 'host', rack: 0 })
  }
  nodes.push({ kind: 'bridge', name: BENCH_SWITCH, role: 'leaf', rack: 0 })
  return { nodes, links: [] }
}

/** Refuses the keys of a mapping of the file that would have no effect. */
function checkKeys(context: Context, path: Path, known: readonly string[], why: string): void {
  for (const key of context.rawKeys(...path)) {
    if (known.includes(key)) continue
    const message = `"${key}" has no effect: ${why}`
    const remedy = `remove it; a bench knows ${known.join(', ')}`
    context.report('conflict', [...path, key], message, remedy, 'key')
  }
}
