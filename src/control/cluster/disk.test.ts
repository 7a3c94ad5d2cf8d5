import { describe, expect, it } from 'vitest'
import { HostsOnSwitch } from '../../../test/control/hosts-on-switch.ts'
import { MILLISECOND } from '../../sim/units.ts'
import { Program } from '../program/program.ts'
import type { Write } from '../raft/types.ts'
import { Disk } from './disk.ts'

const FSYNC = 2 * MILLISECOND

const entry = (index: number): Write => ({
  id: index,
  hardState: null,
  snapshot: null,
  entries: [{ index, term: 1, data: `e${index}` }],
  sync: true,
})

function setUp() {
  const bench = new HostsOnSwitch(1)
  const program = new Program(bench.host(1).root, 'writer')
  const disk = new Disk(FSYNC)
  disk.open(program)
  const { simulator } = bench
  const done: string[] = []
  const write = (index: number): void =>
    disk.write(entry(index), () => done.push(`${index} ${simulator.now / MILLISECOND}`))
  const indexes = (): number[] => disk.backup().entries.map(({ index }) => index)
  return { disk, program, simulator, done, write, indexes }
}

describe('Disk', () => {
  it('flushes at once what was written while it flushed', () => {
    const { disk, simulator, done, write, indexes } = setUp()
    for (const index of [1, 2, 3]) write(index)
    simulator.run(FSYNC)
    expect(indexes()).toEqual([1])
    simulator.run(3 * MILLISECOND)
    write(4)
    simulator.run(10 * MILLISECOND)
    expect(done).toEqual(['1 2', '2 4', '3 4', '4 6'])
    expect(disk.flushes).toBe(3)
  })

  it('keeps what a killed program had begun to flush, and not what came later', () => {
    const { disk, program, simulator, done, write, indexes } = setUp()
    for (const index of [1, 2, 3]) write(index)
    simulator.run(3 * MILLISECOND)
    write(4)
    program.kill()
    disk.programEnded()
    simulator.run(10 * MILLISECOND)
    expect(indexes()).toEqual([1, 2, 3])
    expect(done).toEqual(['1 2'])
  })

  it('begins a flush again with its new time, with all that has come', () => {
    const { disk, simulator, done, write } = setUp()
    disk.setFsync(Infinity)
    write(1)
    simulator.run(5 * MILLISECOND)
    write(2)
    disk.setFsync(MILLISECOND)
    simulator.run(10 * MILLISECOND)
    expect(done).toEqual(['1 6', '2 6'])
  })
})
