import type { L2Switch } from '../fabric/l2-switch.ts'
import type { SwitchPort } from '../fabric/switch-port.ts'
import type { World } from '../scenario/world.ts'
import type { FloodedPort } from './result.ts'

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

/** The ports of a switch that lead to hosts, and what was flooded to them between two readings. */
export function floodedPorts(
  device: L2Switch,
  hosts: ReadonlySet<string>,
  begin: FloodReading,
  end: FloodReading,
): FloodedPort[] {
  const elapsed = end.time - begin.time
  return portsOf(device).flatMap((state) => {
    const { port, unknownUnicast } = state
    const host = port.peer?.owner.name
    if (host === undefined || !hosts.has(host)) return []
    const bytes = end.wireBytes.get(state)! - begin.wireBytes.get(state)!
    const rate = elapsed === 0 ? 0 : (bytes * 8e12) / elapsed
    return { name: port.name, host, frames: unknownUnicast.frames, rate, share: rate / port.rate }
  })
}

function portsOf(device: L2Switch): SwitchPort[] {
  return device.ports.map((_, index) => device.portState(index))
}
