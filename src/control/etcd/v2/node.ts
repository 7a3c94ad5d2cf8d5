/** Nodes of the tree: files and directories, each with its path, indices and expiration. */
import type { V2Node } from './event.ts'
import { PERMANENT, ttlOf } from './expiration.ts'

export class TreeNode {
  readonly path: string
  readonly parent: TreeNode | null
  readonly createdIndex: number
  modifiedIndex: number
  value: string
  /** By name, in the order of their creation; null in a file. */
  readonly children: Map<string, TreeNode> | null
  expiration: number
  /** Place in the heap of expirations. */
  heapPlace = -1
  /** As an answer last showed it, if it is a file without a TTL. */
  shown: V2Node | null = null

  constructor(
    path: string,
    parent: TreeNode | null,
    index: number,
    content: string | Map<string, TreeNode>,
    expiration: number,
  ) {
    this.path = path
    this.parent = parent
    this.createdIndex = index
    this.modifiedIndex = index
    this.value = typeof content === 'string' ? content : ''
    this.children = typeof content === 'string' ? null : content
    this.expiration = expiration
  }

  get name(): string {
    return this.path.slice(this.path.lastIndexOf('/') + 1)
  }

  /** Listings leave out names that begin with an underscore; asked for by name they answer. */
  get isHidden(): boolean {
    return this.path.charCodeAt(this.path.lastIndexOf('/') + 1) === 0x5f
  }
}

export function newDirectory(
  path: string,
  parent: TreeNode | null,
  index: number,
  expiration = PERMANENT,
): TreeNode {
  return new TreeNode(path, parent, index, new Map(), expiration)
}

/** How deep a listing goes, and whether siblings are sorted by name. */
export interface Listing {
  readonly depth: 'self' | 'children' | 'recursive'
  readonly sorted: boolean
}

const SELF: Listing = { depth: 'self', sorted: false }

/** The node as an answer shows it at wall-clock time `now`. */
export function showNode(node: TreeNode, now: number, listing = SELF): V2Node {
  if (node.children === null && node.expiration === PERMANENT) return showFile(node)
  const nodes = listing.depth === 'self' ? [] : showChildren(node, now, listing)
  return {
    key: node.path,
    ...(node.children === null ? { value: node.value } : { dir: true }),
    ...showExpiration(node.expiration, now),
    ...(nodes.length === 0 ? {} : { nodes }),
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
  }
}

/** The same object until it changes: a listing mostly shows files that the last one showed too. */
function showFile(node: TreeNode): V2Node {
  const { shown, path, value, modifiedIndex, createdIndex } = node
  if (shown?.modifiedIndex === modifiedIndex && shown.value === value) return shown
  node.shown = { key: path, value, modifiedIndex, createdIndex }
  return node.shown
}

function showExpiration(expiration: number, now: number): { expiration?: number; ttl?: number } {
  return expiration === PERMANENT ? {} : { expiration, ttl: ttlOf(expiration, now) }
}

function showChildren(node: TreeNode, now: number, listing: Listing): V2Node[] {
  if (node.children === null) return []
  const below: Listing =
    listing.depth === 'recursive' ? listing : { depth: 'self', sorted: listing.sorted }
  const nodes: V2Node[] = []
  for (const child of node.children.values()) {
    if (!child.isHidden) nodes.push(showNode(child, now, below))
  }
  if (listing.sorted) nodes.sort((a, b) => (a.key < b.key ? -1 : 1))
  return nodes
}
