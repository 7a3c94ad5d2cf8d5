import type { L2Switch } from '../fabric/l2-switch.ts'
import type { SwitchPort } from '../fabric/switch-port.ts'
import type { Port } from '../link/port.ts'
import type { World } from '../scenario/world.ts'
import type { FloodedPort, FloodedTrunk } from './result.ts'

/** Bytes that each port of each switch was given to flood until some instant. */
export interface FloodReading {
  /** Picoseconds. */
  readonly time: number
  readonly wireBytes: ReadonlyMap<SwitchPort, number>
}

/** Frames for stations that a switch did not know: what they ask of the link of each port. */
export function readFloods({ switches, simulator }: World): FloodReading {
  const wireBytes = new Map<SwitchPort, number>()
  for (const each of switches.values()) {
    for (const port of portsOf(each)) wireBytes.set(port, port.unknownUnicast.wireBytes)
  }
  return { time: simulator.now, wireBytes }
}

/** What was flooded between two readings, apart for ports to hosts and those to the rest of the fabric. */
export interface Flooded {
  readonly flooded: FloodedPort[]
  readonly trunks: FloodedTrunk[]
}

/** Which node stands at the other end of each cable. */
export function farEnds({ links }: World): ReadonlyMap<Port, string> {
  const ends = [...links.values()].flatMap(({ model, a, b }) => {
    return [[a, model.to] as const, [b, model.from] as const]
  })
  return new Map(ends)
}

/** @param ends of `farEnds`. */
export function floodedPorts(
  { hosts }: World,
  device: L2Switch,
  ends: ReadonlyMap<Port, string>,
  { begin, end }: { readonly begin: FloodReading; readonly end: FloodReading },
): Flooded {
  const elapsed = end.time - begin.time
  const result: Flooded = { flooded: [], trunks: [] }
  for (const state of portsOf(device)) {
    const { port, unknownUnicast } = state
    const other = ends.get(port)
    if (other === undefined) continue
    const bytes = end.wireBytes.get(state)! - begin.wireBytes.get(state)!
    const rate = elapsed === 0 ? 0 : (bytes * 8e12) / elapsed
    const row = { name: port.name, frames: unknownUnicast.frames, rate, share: rate / port.rate }
    if (hosts.has(other)) result.flooded.push({ ...row, host: other })
    else result.trunks.push({ ...row, node: other })
  }
  return result
}

function portsOf(device: L2Switch): SwitchPort[] {
  return device.ports.map((_, index) => device.portState(index))
}
