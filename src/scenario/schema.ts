/** The scenario file as a schema: shape, defaults and descriptions of every key. */
import { z } from 'zod'
import { duration } from '../schemes/option-types.ts'
import type { SchemeRegistry } from './registry.ts'
import { claim } from './schema/claim.ts'
import { containers } from './schema/containers.ts'
import { expectation } from './schema/expect.ts'
import { fabric } from './schema/fabric.ts'
import { fault } from './schema/faults.ts'
import { hosts } from './schema/hosts.ts'
import { name, reference } from './schema/names.ts'
import { needs } from './schema/needs.ts'
import { networks } from './schema/networks.ts'
import { store } from './schema/store.ts'
import { workload } from './schema/workload.ts'

/** The schema of one run: the file without `variants` and `panels`, which are merged into it before. */
export function scenarioSchema(registry: SchemeRegistry) {
  return z.strictObject({
    name: name().exactOptional().describe('Default: the name of the file.'),
    why: z.string().max(4000).default('').describe('What the scenario is to show.'),
    source: z
      .string()
      .max(2000)
      .exactOptional()
      .describe('Where the case or its figures are from.'),
    seed: z
      .union([z.int().min(0), z.string().min(1).max(100)])
      .default(1)
      .transform(String)
      .describe('Seed of all chance: same file, same seed, same result.'),
    duration: duration()
      .exactOptional()
      .describe('Length of the run. Default: one second longer than the workloads.'),
    fabric: fabric.prefault({}).describe('The physical network.'),
    hosts: hosts.prefault({}).describe('The hosts.'),
    store: store
      .exactOptional()
      .describe('The distributed store that networks and workloads use. Default: none.'),
    networks: networks(registry).describe('Container networks by name.'),
    containers: containers.exactOptional().describe('The containers. Default: none.'),
    workload: z.array(workload).max(1000).prefault([]).describe('Who sends what to whom.'),
    faults: z.array(fault).max(1000).prefault([]).describe('What befalls the fabric.'),
    captures: z
      .array(reference())
      .max(1000)
      .prefault([])
      .describe('Ports for `--pcap`, such as h1/eth0. Default: the NICs of all hosts.'),
    needs: needs
      .exactOptional()
      .describe('What `encap compare` looks for a scheme for. Default: nothing, no shortlist.'),
    claim: claim
      .exactOptional()
      .describe('A statement that the runs of the file confirm or contradict.'),
    expect: z.array(expectation).max(1000).prefault([]).describe('What must come out.'),
  })
}

export type ScenarioInput = z.output<ReturnType<typeof scenarioSchema>>
