import { SECOND } from '../../../sim/units.ts'
import { PROTOCOL_ESP } from '../../../wire/esp.ts'
import { PROTOCOL_IPIP } from '../../../wire/frame.ts'
import { type Case, Refusal } from '../case.ts'
import type { Cell } from '../cell.ts'
import type { Section } from '../entrant.ts'
import type { Question } from '../question.ts'
import { sightOf } from '../sight.ts'
import { type Places, placesOf } from '../two-networks.ts'
import { failureCells, notPossible } from './failures-cells.ts'
import { type Failure, fail, failureSections } from './failures-trial.ts'

/** After the last container got on its network; routes spread meanwhile. */
const CALM = 5 * SECOND
const PATIENCE = 60 * SECOND

/** One failure after the other, each in a world of its own. */
export const failures: Question = {
  name: 'failures',
  sections: ['failures'],
  ask(asked: Case): Cell[] {
    const places = placesOf(asked)
    const { start, layers } = calm(asked, places)
    const all = [...programFailures(asked, places), ...networkFailures(places, layers)]
    return all.flatMap((failure) => {
      try {
        const findings = fail(asked, places, failure, start)
        return findings === null ? [] : failureCells(failure, findings)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        return [notPossible(failure, error)]
      }
    })
  },
}

/** When all containers are there, and what their packets look like on the cable. */
function calm(asked: Case, places: Places): { start: number; layers: readonly string[] } {
  const trial = asked.trial('nothing fails', failureSections(asked, places))
  const wanted = trial.world.scenario.containers.length
  const attached = () => [...trial.world.endpoints.values()].flat().length
  while (attached() + trial.world.attachFailures.length < wanted && trial.now < PATIENCE) {
    trial.run(SECOND)
  }
  trial.run(CALM)
  const start = trial.now + 3 * SECOND
  const [a, b] = [trial.endpoint('a'), trial.endpoint('b')]
  const sight = a && b ? sightOf(trial, a.namespace, b.address) : null
  return { start, layers: sight?.layers ?? [] }
}

function programFailures(asked: Case, { near, far }: Places): Failure[] {
  const { store } = asked.entrant
  const ofStore: Failure = { name: 'store outage', faults: [{ crash: 'members' }], far: 'far' }
  return [
    { name: 'host crash', faults: [{ crash: far }], far: 'third', more: 'to the far host' },
    { name: 'daemon crash', faults: [{ crash: `${near}/app` }], far: 'far' },
    ...(store === null ? [] : [ofStore]),
    { name: 'rules flushed', faults: [{ flushRules: near }], length: 0, far: 'far' },
  ]
}

function networkFailures({ near, far }: Places, layers: readonly string[]): Failure[] {
  const tunnel = tunnelOf(layers)
  return [
    { name: 'cable of a host cut', faults: [{ node: far, cut: true }], far: 'far' },
    {
      name: 'partial partition',
      faults: [{ partition: [[near], [far]] }],
      far: 'far',
      length: 60 * SECOND,
    },
    ...(tunnel === null ? [] : [blocked(far, tunnel)]),
    {
      name: 'low-MTU port',
      faults: [{ node: far, maxPacket: 1400 }],
      far: 'far',
      more: 'full-size packets',
    },
  ]
}

function blocked(host: string, block: Section): Failure {
  return { name: 'tunnel blocked', faults: [{ node: host, ...block }], far: 'far' }
}

/** What a firewall drops that does not know the outermost layer; null where there is no tunnel. */
function tunnelOf(layers: readonly string[]): Section | null {
  const outermost = layers.find((layer) => layer !== '802.1Q') ?? ''
  const udp = /^UDP (\d+)$/.exec(outermost)?.[1]
  if (udp !== undefined) return { blockUdpPort: Number(udp) }
  const protocol = /^protocol (\d+)$/.exec(outermost)?.[1]
  if (protocol !== undefined) return { blockProtocol: Number(protocol) }
  if (outermost === 'IP in IP') return { blockProtocol: PROTOCOL_IPIP }
  return outermost === 'ESP' ? { blockProtocol: PROTOCOL_ESP } : null
}
