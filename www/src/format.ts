/** Numbers and words as the shopper reads them. */

const LOCALE = 'en'

const formats = new Map<string, Intl.NumberFormat | null>()

function currencyFormat(currency: string): Intl.NumberFormat | null {
  let format = formats.get(currency)
  if (format === undefined) {
    try {
      format = new Intl.NumberFormat(LOCALE, { style: 'currency', currency })
    } catch {
      // An imported file may hold anything; Intl throws on what is no currency code.
      format = null
    }
    formats.set(currency, format)
  }
  return format
}

/** Minor units in one unit of a currency: 100 for the euro, 1 for the yen. */
export function minorUnits(currency: string): number {
  return 10 ** (currencyFormat(currency)?.resolvedOptions().maximumFractionDigits ?? 2)
}

/** A price in minor units, such as `€19.99`. */
export function money(price: number, currency: string): string {
  const major = price / minorUnits(currency)
  return currencyFormat(currency)?.format(major) ?? `${major.toFixed(2)} ${currency}`
}

const whole = new Intl.NumberFormat(LOCALE)

export function count(value: number, one: string, many: string): string {
  return `${whole.format(value)} ${value === 1 ? one : many}`
}

/** A category as a heading: `home_decor` is `Home decor`. */
export function label(name: string): string {
  const text = name.replaceAll(/[-_]+/g, ' ').trim()
  return text.charAt(0).toLocaleUpperCase(LOCALE) + text.slice(1)
}

/** `just now`, `5 minutes ago`, or a time of day. */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000)
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${count(minutes, 'minute', 'minutes')} ago`
  return `at ${new Intl.DateTimeFormat(LOCALE, { dateStyle: 'medium', timeStyle: 'short' }).format(at)}`
}
