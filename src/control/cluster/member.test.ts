import { describe, expect, it } from 'vitest'
import { LogCluster, type LogMember } from '../../../test/control/counter-cluster.ts'
import { COST_PROFILES } from '../../cpu/cost-profile.ts'
import type { Process } from '../../sim/process.ts'
import { MILLISECOND, SECOND } from '../../sim/units.ts'
import type { Outcome } from './member.ts'

/** Proposes numbers one after the other; the outcomes come as they do. */
function add(member: LogMember, numbers: readonly number[], timeout = 7 * SECOND): string[] {
  const outcomes: string[] = []
  member.program.spawn(
    (function* (): Process {
      for (const number of numbers) {
        const outcome: Outcome<number> = yield* member.member.propose<number>(number, timeout)
        outcomes.push(outcome.kind === 'applied' ? `${number}@${outcome.result}` : outcome.kind)
      }
    })(),
  )
  return outcomes
}

const logs = (cluster: LogCluster) => cluster.members.map(({ log }) => log.entries)

describe('a replicated log on simulated hosts', () => {
  it.each([undefined, 'server-2020s'] as const)('agrees, with costs %s', (costs) => {
    const options = costs === undefined ? {} : { costs: COST_PROFILES[costs]! }
    const cluster = new LogCluster(3, options)
    const { simulator } = cluster.bench
    simulator.run(3 * SECOND)
    const outcomes = cluster.members.map((member, i) => add(member, [10 * i, 10 * i + 1]))
    simulator.run(4 * SECOND)
    expect(outcomes.flat().map((text) => text.split('@')[0])).toEqual([
      '0',
      '1',
      '10',
      '11',
      '20',
      '21',
    ])
    const [first, ...others] = logs(cluster)
    expect([...first!].sort((a, b) => a - b)).toEqual([0, 1, 10, 11, 20, 21])
    expect(others).toEqual([first, first])
    expect(cluster.monitor.violations).toEqual([])
    for (const { kernel } of cluster.bench.hosts) expect(kernel.machine?.unaccounted ?? 0).toBe(0)
    cluster.bench.expectBalance()
  })

  it('elects another leader and loses nothing when the leader is killed and comes back', () => {
    const cluster = new LogCluster(3)
    const { simulator } = cluster.bench
    simulator.run(3 * SECOND)
    const old = cluster.leader!
    const other = cluster.members.find((member) => member !== old)!
    const before = add(other, [1, 2, 3])
    simulator.run(4 * SECOND)
    old.crash()
    const after = add(other, [4, 5])
    simulator.run(13 * SECOND)
    // What was handed to the dead leader is lost with it: its client learns nothing.
    expect(before.concat(after)).toEqual(['1@1', '2@2', '3@3', 'timeout', '5@4'])
    expect(cluster.leader).not.toBe(old)
    old.start()
    simulator.run(16 * SECOND)
    expect(logs(cluster)).toEqual(Array(3).fill([1, 2, 3, 5]))
    expect(cluster.monitor.violations).toEqual([])
  })

  it('answers nothing without a quorum, and goes on when there is one again', () => {
    const cluster = new LogCluster(3)
    const { simulator, bench } = { simulator: cluster.bench.simulator, bench: cluster.bench }
    simulator.run(3 * SECOND)
    const heal = bench.partition([1], [2, 3])
    const end = bench.partition([2], [3])
    const lost = cluster.members.map((member) => add(member, [1]))
    const reads: string[] = []
    const { program, member } = cluster.member(1)
    program.spawn(
      (function* (): Process {
        reads.push((yield* member.linearize(7 * SECOND)).kind)
      })(),
    )
    simulator.run(12 * SECOND)
    expect(lost).toEqual([['timeout'], ['timeout'], ['timeout']])
    expect(reads[0]).not.toBe('applied')
    heal()
    end()
    simulator.run(20 * SECOND)
    const found = cluster.members.map((each) => add(each, [2]))
    simulator.run(21 * SECOND)
    expect(found.map(([outcome]) => outcome?.split('@')[0])).toEqual(['2', '2', '2'])
    expect(cluster.monitor.violations).toEqual([])
    bench.expectBalance()
  })

  it('reads what was acknowledged before, on every member', () => {
    const cluster = new LogCluster(3)
    const { simulator } = cluster.bench
    simulator.run(3 * SECOND)
    add(cluster.member(1), [7])
    simulator.run(3.1 * SECOND)
    const seen: unknown[] = []
    for (const { program, member, log } of cluster.members) {
      program.spawn(
        (function* (): Process {
          const outcome = yield* member.linearize(SECOND)
          seen.push(outcome.kind, [...log.entries])
        })(),
      )
    }
    simulator.run(3.2 * SECOND)
    expect(seen).toEqual(['applied', [7], 'applied', [7], 'applied', [7]])
  })

  it('ends a member that lost its disk under a leader that counts on it; the next leader brings it up to date', () => {
    const cluster = new LogCluster(3, { snapshotCount: 20 })
    const { simulator } = cluster.bench
    simulator.run(3 * SECOND)
    const leader = cluster.leader!
    const follower = cluster.members.find((member) => member !== leader)!
    const numbers = Array.from({ length: 60 }, (_, i) => i)
    add(cluster.leader!, numbers)
    simulator.run(6 * SECOND)
    follower.crash()
    follower.disk.lose()
    follower.start()
    simulator.run(8 * SECOND)
    expect(follower.program.isRunning).toBe(false)
    expect(follower.program.log[0]).toMatch(/^panic: tocommit/)
    leader.crash()
    follower.disk.lose()
    follower.start()
    simulator.run(16 * SECOND)
    expect(follower.log.entries).toEqual(numbers)
    expect(cluster.monitor.violations).toEqual([])
  })

  it('waits for slow disks, and stands still while a majority of them hangs', () => {
    const cluster = new LogCluster(3)
    const { simulator } = cluster.bench
    simulator.run(3 * SECOND)
    for (const { disk } of cluster.members) disk.setFsync(200 * MILLISECOND)
    const outcomes = add(cluster.leader!, [1, 2])
    simulator.run(3.3 * SECOND)
    expect(outcomes).toEqual(['1@1'])
    for (const { disk } of cluster.members) disk.setFsync(Infinity)
    simulator.run(5 * SECOND)
    expect(outcomes).toEqual(['1@1'])
    for (const { disk } of cluster.members) disk.setFsync(MILLISECOND)
    simulator.run(10 * SECOND)
    expect(outcomes).toEqual(['1@1', '2@2'])
  })
})
