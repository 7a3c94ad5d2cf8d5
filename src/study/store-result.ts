import { z } from 'zod'

/** The part of results that tells of the scenario's store. */
const picoseconds = (what: string) => z.number().min(0).describe(what)
const count = (what: string) => z.int().min(0).describe(what)

const member = z
  .strictObject({
    name: z.string(),
    host: z.string(),
    running: z.boolean(),
    role: z
      .enum(['follower', 'candidate', 'preCandidate', 'leader'])
      .nullable()
      .describe('As it sees itself at the end; null, with what follows, while it does not run.'),
    term: z.int().nullable(),
    leader: z.string().nullable().describe('Whom it takes for the leader; null also for nobody.'),
    commit: z.int().nullable().describe('Index of the last entry that it knows to be committed.'),
    applied: z.int().nullable().describe('Index of the last entry that it has applied.'),
    revision: z.int().nullable().describe('etcd’s revision, or Consul’s index, of its own copy.'),
    keys: z.int().nullable().describe('Keys in its own copy.'),
    flushes: count('Of its disk.'),
    fsync: z.number().nullable().describe('What a flush takes, picoseconds; null: it hangs.'),
    log: z.array(z.string()).describe('What it printed, over all its starts.'),
  })
  .describe('One member, at the end of the run.')

const reign = z.strictObject({
  leader: z.string(),
  from: picoseconds('Picoseconds, from the start of the run.'),
  until: z.number().nullable().describe('Null: it led still.'),
})

const traffic = z.strictObject({
  frames: count('Each once, whichever cable of a member it crossed.'),
  bytes: count('With padding, FCS, preamble and gap.'),
})

export const store = z
  .strictObject({
    kind: z.string(),
    version: z.string().describe('The release whose behaviour is modelled.'),
    members: z.array(member),
    elections: count('Times that a member became leader, the first included.'),
    campaigns: count('Times that a member asked for votes.'),
    reigns: z.array(reign).describe('Who led when; a leader that is cut off may overlap the next.'),
    firstLeader: z.number().nullable().describe('When there was a leader first, picoseconds.'),
    leaderless: picoseconds('Time in which no member led, since the first did, picoseconds.'),
    longestLeaderless: picoseconds('The longest of these times; without any leader, all the run.'),
    traffic: z
      .strictObject({
        clients: traffic.describe('With clients and agents.'),
        peers: traffic.describe('Raft, between the members.'),
        gossip: traffic,
      })
      .describe('What crossed the members’ cables.'),
    violations: z.array(z.string()).describe('Promises of Raft that did not hold.'),
    excused: z
      .boolean()
      .describe('A fault took a disk’s content away, so that Raft promises nothing.'),
  })
  .describe('The scenario’s store.')

export type StoreResult = z.output<typeof store>
export type StoreMemberResult = z.output<typeof member>
