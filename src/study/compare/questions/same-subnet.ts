import { subnetOf } from '../../../scenario/registry.ts'
import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import { whoAnswersWhom } from '../exchange.ts'
import type { Question } from '../question.ts'
import type { Trial } from '../trial.ts'
import { idleHosts, placesOf } from '../two-networks.ts'

const SECTION = 'IPAM'
const ROW = 'two networks, one subnet'
const PROBE = 'two containers on each of two networks, which were given one subnet'
const CONTAINERS = 4

/** Two networks that want the same addresses. */
export const sameSubnet: Question = {
  name: 'same subnet',
  sections: ['IPAM'],
  ask(asked: Case): Cell[] {
    const { near, far } = placesOf(asked)
    const { key, scenario } = asked.scenario('two networks, of one subnet later', {
      hosts: idleHosts(asked),
      networks: { red: asked.network(), blue: asked.network('another') },
      containers: [
        { name: 'red-1', host: near, networks: ['red'] },
        { name: 'red-3', host: far, networks: ['red'] },
        { name: 'blue-1', host: near, networks: ['blue'] },
        { name: 'blue-3', host: far, networks: ['blue'] },
      ],
      workload: null,
      faults: null,
      duration: '1s',
    })
    const [red, blue] = scenario.networks
    const subnet = subnetOf(red!.options)
    // The scheme has no block of addresses that a second network could ask for as well.
    if (subnet === null) return []
    // Past the check of the file, which admits no such pair: daemons are to say what they do.
    const options = { ...(blue!.options as object), subnet }
    const altered = { ...scenario, networks: [red!, { ...blue!, options }] }
    return [outcome(asked.begin(key, altered))]
  },
}

function outcome(trial: Trial): Cell {
  trial.settle()
  const text = outcomeOf(trial)
  return trial.cell(SECTION, ROW, text, text, PROBE)
}

function outcomeOf(trial: Trial): string {
  const [failure] = trial.world.attachFailures
  if (failure !== undefined) return `refused: ${failure.message}`
  const ends = [...trial.world.endpoints].flatMap(([name, [endpoint]]) => {
    if (endpoint === undefined) return []
    return [{ name, namespace: endpoint.namespace, addresses: [endpoint.address] }]
  })
  if (ends.length < CONTAINERS) return 'some containers wait'
  const addresses = new Set(ends.map((end) => end.addresses[0]))
  const reached = whoAnswersWhom(trial, ends)
  const isReached = (from: string, to: string) => {
    const index = (name: string) => ends.findIndex((end) => end.name === name)
    return reached[index(from)]![index(to)]!
  }
  const works = isReached('red-1', 'red-3') && isReached('blue-1', 'blue-3')
  const shared = addresses.size < ends.length ? 'addresses given twice' : 'all addresses differ'
  return `${shared}, ${works ? 'both networks work' : 'not all reach their own'}`
}
