/** What the store's own directory says of the cluster: members, and the version they agreed on. */
import { CLUSTER_VERSION_PATH, MEMBERS_ROOT } from './command.ts'
import { V2Error } from './errors.ts'
import type { V2Node } from './event.ts'
import { encodeString } from './json.ts'
import type { V2Store } from './store.ts'

export interface Member {
  /** Hexadecimal. */
  readonly id: string
  /** '' until the member has started and published itself. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
}

interface MemberAttributes {
  readonly name?: string
  readonly peerURLs?: readonly string[]
  readonly clientURLs?: readonly string[]
}

/** By number of their ids. */
export function membersOf(store: V2Store): Member[] {
  const found = store.get(MEMBERS_ROOT, true, false, 0)
  if (found instanceof V2Error) return []
  const members = (found.node.nodes ?? []).map(memberOf)
  return members.sort((a, b) => (BigInt(`0x${a.id}`) < BigInt(`0x${b.id}`) ? -1 : 1))
}

function memberOf(node: V2Node): Member {
  // Two files of JSON: what the configuration change said, and what the member says of itself.
  const all: MemberAttributes = Object.assign(
    {},
    ...(node.nodes ?? []).map((file): MemberAttributes => JSON.parse(file.value ?? '{}')),
  )
  const { name = '', peerURLs = [], clientURLs = [] } = all
  const id = node.key.slice(MEMBERS_ROOT.length + 1)
  return { id, name, peerUrls: peerURLs, clientUrls: clientURLs }
}

export function encodeMember(member: Member): string {
  const peers = member.peerUrls.map(encodeString).join(',')
  const clients = member.clientUrls.map(encodeString).join(',')
  const head = `"id":"${member.id}","name":${encodeString(member.name)}`
  return `{${head},"peerURLs":[${peers}],"clientURLs":[${clients}]}`
}

/** `3.4.0`, or null before the first leader has set it. */
export function clusterVersionOf(store: V2Store): string | null {
  const found = store.get(CLUSTER_VERSION_PATH, false, false, 0)
  return found instanceof V2Error ? null : (found.node.value ?? null)
}
