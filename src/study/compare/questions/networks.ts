import type { Case } from '../case.ts'
import type { Cell } from '../cell.ts'
import { Passage } from '../passage.ts'
import type { Question } from '../question.ts'
import { type Sight, sightOf } from '../sight.ts'
import type { Trial } from '../trial.ts'
import { twoNetworks } from '../two-networks.ts'
import { addresses } from './addresses.ts'
import { connectivity } from './connectivity.ts'
import { networkModel, passageCell } from './network-model.ts'
import { segments } from './segments.ts'

/** One run with two networks, in which one probe follows the other. */
export const networks: Question = {
  name: 'networks',
  sections: ['network model', 'IPAM', 'connectivity and isolation', 'limits of segments'],
  ask(asked: Case): Cell[] {
    const found = twoNetworks(asked)
    const { trial, refusal } = found
    const passage = new Passage(trial)
    trial.settle()
    const red = sightBetween(trial, 'red-1', 'red-3')
    const blue = sightBetween(trial, 'blue-1', 'blue-3')
    const model = networkModel(trial, red)
    const tags = segments(trial, red, blue, refusal)
    // Who is outside speaks to containers as they are: what follows is no need of the scheme's.
    const passed = passageCell(trial, passage.seen)
    return [...model, passed, ...connectivity(found), ...tags, ...addresses(found)]
  },
}

function sightBetween(trial: Trial, from: string, to: string): Sight | null {
  const [sender, receiver] = [trial.endpoint(from), trial.endpoint(to)]
  if (sender === undefined || receiver === undefined) return null
  return sightOf(trial, sender.namespace, receiver.address)
}
