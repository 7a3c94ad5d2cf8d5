/** As Go's url.QueryEscape. */
function escapeQuery(text: string): string {
  return escapeRest(encodeURIComponent(text)).replace(/%20/g, '+')
}

/** As Go's url.URL writes a path. */
export function escapePath(path: string): string {
  const escaped = escapeRest(encodeURIComponent(path))
  return escaped.replace(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, decodeURIComponent)
}

function escapeRest(text: string): string {
  return text.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** As Go's url.Values.Encode: sorted by name. What is undefined is left out. */
export function encodeQuery(
  values: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${escapeQuery(name)}=${escapeQuery(String(value))}`)
    .join('&')
}
