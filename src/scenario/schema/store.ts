/** The section `store`: etcd or Consul, which daemons of networks and workloads ask. */
import { z } from 'zod'
import { duration, size } from '../../schemes/option-types.ts'
import { oneOrMany, reference } from './names.ts'

/** `3.4` without quotes is a number in YAML, and `1.0` the number 1. */
function versionText(value: unknown): unknown {
  if (typeof value !== 'number') return value
  return Number.isInteger(value) ? value.toFixed(1) : String(value)
}

function version<const V extends readonly [string, ...string[]]>(versions: V) {
  return z
    .preprocess(versionText, z.enum(versions))
    .meta({ type: undefined, enum: [...versions, ...versions.map(Number)] })
    .describe('The release whose behaviour and defaults apply.')
}

const shared = {
  members: z
    .int()
    .min(1)
    .max(9)
    .exactOptional()
    .describe('How many, `store-1` and so on. Default: one for each of `on`, else 3.'),
  on: oneOrMany(reference())
    .exactOptional()
    .describe('Hosts that they run on. Default: hosts of their own, one rack after the other.'),
  fsync: duration().prefault('1ms').describe('How long a flush to the disk takes.'),
}

const etcd = z.strictObject({
  kind: z.literal('etcd').describe('etcd; over JSON and HTTP, with v2 keys and v3 key values.'),
  version: version(['2.3', '3.4', '3.5']).prefault('3.4'),
  ...shared,
  heartbeat: duration().prefault('100ms').describe('`--heartbeat-interval`.'),
  election: duration().prefault('1s').describe('`--election-timeout`.'),
  preVote: z.boolean().exactOptional().describe('`--pre-vote`. Default: by the version (3.5 on).'),
  snapshotCount: z
    .int()
    .min(10)
    .max(10_000_000)
    .exactOptional()
    .describe('`--snapshot-count`. Default: by the version, 10,000 (2.3) or 100,000.'),
  quota: size().prefault('2GiB').describe('`--quota-backend-bytes`.'),
})

const consul = z.strictObject({
  kind: z.literal('consul').describe('Consul; over HTTP, with LAN gossip and agents.'),
  version: version(['0.6', '1.0', '1.2', '1.8']).prefault('1.8'),
  ...shared,
  raftMultiplier: z
    .int()
    .min(1)
    .max(10)
    .exactOptional()
    .describe('`raft_multiplier`. Default: by the version, 1 (0.6) or 5.'),
  snapshotThreshold: z
    .int()
    .min(10)
    .max(10_000_000)
    .exactOptional()
    .describe('`raft_snapshot_threshold`. Default: by the version, 8192 (to 1.0) or 16384.'),
  trailingLogs: z
    .int()
    .min(1)
    .max(10_000_000)
    .exactOptional()
    .describe('`raft_trailing_logs`. Default: 10240.'),
  agents: oneOrMany(reference())
    .exactOptional()
    .describe('Hosts with a client agent. Default: all other hosts.'),
})

const kube = z.strictObject({
  kind: z
    .literal('kube')
    .describe('The API server of Kubernetes with its node records, over plain HTTP.'),
  version: version(['1.28']).prefault('1.28'),
  ...shared,
  members: z.literal(1).exactOptional().describe('There is one.'),
})

export const store = z.discriminatedUnion('kind', [etcd, consul, kube])

export type StoreSection = z.output<typeof store>
