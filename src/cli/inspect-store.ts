import type { StoreCluster, StoredKey, StoreMember } from '../control/cluster/store.ts'
import type { Shown } from '../host/show.ts'

const VALUE_SHOWN = 32

/** What stands for a member that does not run, and for a key that one does not have. */
const NONE = '-'

/** `encap inspect FILE store`: its members, and all keys with the revisions that each has of them. */
export function showStore({ kind, version, members }: StoreCluster): Shown {
  const copies = members.filter(({ isRunning }) => isRunning).map(copyOf)
  const names = new Map<string, StoredKey>()
  for (const { keys } of copies) {
    for (const [id, key] of keys) {
      if ((names.get(id)?.revision ?? -1) < key.revision) names.set(id, key)
    }
  }
  const rows = [...names].sort(byId).map(([id, newest]) => {
    const revisions = copies.map(({ keys }) => keys.get(id)?.revision ?? null)
    const isSame = revisions.every((revision) => revision === newest.revision)
    const told = isSame ? `${newest.revision}` : revisionsOf(copies, revisions)
    return [newest.space, newest.key, told, shortened(newest.value)]
  })
  return {
    lines: [
      `${kind} ${version}`,
      '',
      ...statusTable(members),
      '',
      ...keyTable(rows, copies.length === 0 ? 'no member runs' : 'no keys'),
    ],
    json: members.map(memberJson),
  }
}

/** `encap inspect FILE store-1`: one member, its own copy of the keys, and what it printed. */
export function showMember(member: StoreMember): Shown {
  const rows = member.keys().map(({ space, key, revision, value }) => {
    return [space, key, `${revision}`, shortened(value)]
  })
  const { log } = member
  return {
    lines: [
      ...statusTable([member]),
      '',
      ...keyTable(rows, member.isRunning ? 'no keys' : 'it does not run'),
      ...(log.length === 0 ? [] : ['', ...log]),
    ],
    json: [memberJson(member)],
  }
}

interface Copy {
  readonly name: string
  readonly keys: ReadonlyMap<string, StoredKey>
}

function copyOf(member: StoreMember): Copy {
  const keys = member.keys().map((key) => [`${key.space} ${key.key}`, key] as const)
  return { name: member.name, keys: new Map(keys) }
}

function byId([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : Number(a > b)
}

/** `store-1 12, store-2 -`. */
function revisionsOf(copies: readonly Copy[], revisions: readonly (number | null)[]): string {
  return copies.map(({ name }, i) => `${name} ${revisions[i] ?? NONE}`).join(', ')
}

function shortened(value: string): string {
  const quoted = JSON.stringify(value)
  return quoted.length <= VALUE_SHOWN ? quoted : `${quoted.slice(0, VALUE_SHOWN - 3)}...`
}

function statusTable(members: readonly StoreMember[]): string[] {
  const head = [
    'MEMBER',
    'HOST',
    'STATE',
    'TERM',
    'LEADER',
    'COMMIT',
    'APPLIED',
    'REVISION',
    'KEYS',
  ]
  const rows = members.map((member) => {
    const { name, host } = member
    const status = member.status()
    if (status === null) return [name, host.name, 'stopped', ...Array<string>(6).fill(NONE)]
    const { role, term, leader, commit, applied, revision } = status
    const counts = [commit, applied, revision, member.keys().length].map(String)
    return [name, host.name, role, `${term}`, leader ?? NONE, ...counts]
  })
  return tableOf([head, ...rows])
}

function keyTable(rows: readonly (readonly string[])[], none: string): string[] {
  return rows.length === 0 ? [none] : tableOf([['SPACE', 'KEY', 'REVISION', 'VALUE'], ...rows])
}

function tableOf(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}

function memberJson(member: StoreMember): object {
  const { name, host, isRunning, log } = member
  const status = member.status()
  const keys = member.keys().map(({ space, key, value, revision }) => {
    return { space, key, value, revision }
  })
  return { name, host: host.name, running: isRunning, ...status, keys, log }
}
