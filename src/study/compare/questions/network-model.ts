import type { Cell } from '../cell.ts'
import type { Sight } from '../sight.ts'
import type { Trial } from '../trial.ts'

const SECTION = 'network model'
const PROBE = 'echo request of 1000 bytes, red-1 to red-3, seen on the cable of the sender'

/** Cells of what a traced probe between two hosts showed. */
export function networkModel(trial: Trial, sight: Sight | null): Cell[] {
  const cell = (row: string, value: Cell['value'], text: string, probe = PROBE) =>
    trial.cell(SECTION, row, value, text, probe)
  const device = trial.endpoint('red-1')
  const mtu = device?.namespace.device(device.device)?.mtu ?? null
  const ofDevice = `MTU of ${device?.device ?? 'eth0'} in red-1`
  const mtuCell = cell('MTU in the container', mtu, mtu === null ? '-' : `${mtu} B`, ofDevice)
  if (sight === null) {
    const unseen = ['class', 'encapsulation', 'bytes added', 'devices passed']
    return [...unseen.map((row) => cell(row, null, 'none left the host')), mtuCell]
  }
  const { layers, added, isRouted, devices } = sight
  const isEncapsulated = layers.some((layer) => layer !== '802.1Q')
  const kind = `${isEncapsulated ? 'encapsulated' : 'native'} ${isRouted ? 'L3' : 'L2'}`
  const encapsulation = layers.length === 0 ? 'none' : layers.join(', ')
  return [
    cell('class', kind, kind),
    cell('encapsulation', encapsulation, encapsulation),
    cell('bytes added', added, `${added} B`),
    mtuCell,
    cell('devices passed', devices.join(' '), String(devices.length)),
  ]
}

/** The cell of what else the fabric must let through, up to now. */
export function passageCell(trial: Trial, seen: readonly string[]): Cell {
  const probe = 'all packets that the hosts sent into their cables'
  const text = seen.length === 0 ? 'nothing' : seen.join('; ')
  return trial.cell(SECTION, 'fabric must pass', text, text, probe)
}
