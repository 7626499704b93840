/** The option `key` of a store under these 16 bytes in base64; none without. */
export async function keyOf(secret) {
  if (!secret) return {}
  const bytes = Uint8Array.from(atob(secret), (letter) => letter.charCodeAt(0))
  return { key: await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']) }
}
