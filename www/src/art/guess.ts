/** Which drawing fits the words of a product. */

/** Words that name a drawing, most telling first: "tea cup" is a cup, "camera bag" is a bag. */
const WORDS: readonly (readonly [string, string])[] = [
  ['book', 'book'], ['headphone', 'headphones'], ['earbud', 'headphones'], ['headset', 'headphones'],
  ['backpack', 'backpack'], ['daypack', 'backpack'], ['rucksack', 'backpack'], ['satchel', 'bag'], ['handbag', 'bag'], ['tote', 'bag'], ['purse', 'bag'], ['wallet', 'bag'], ['bag', 'bag'], ['belt', 'belt'],
  ['speaker', 'speaker'], ['radio', 'speaker'], ['microphone', 'speaker'],
  ['camera', 'camera'], ['television', 'screen'], ['laptop', 'screen'], ['computer', 'screen'], ['monitor', 'screen'], ['tablet', 'screen'], ['phone', 'screen'], ['keyboard', 'screen'], ['cable', 'speaker'], ['electronic', 'speaker'],
  ['sunglasses', 'glasses'], ['glasses', 'glasses'], ['eyewear', 'glasses'],
  ['teapot', 'teapot'], ['kettle', 'teapot'], ['cup', 'cup'], ['mug', 'cup'], ['tea', 'teapot'], ['coffee', 'cup'], ['hot dispensed', 'cup'], ['cold dispensed', 'glass'], ['drink', 'glass'], ['saucer', 'cup'],
  ['glass', 'glass'], ['tumbler', 'glass'], ['cocktail', 'glass'], ['beer', 'glass'], ['wine', 'glass'], ['juice', 'glass'],
  ['bowl', 'bowl'], ['plate', 'bowl'], ['dish', 'bowl'], ['pot', 'pan'], ['pan', 'pan'], ['cook', 'pan'], ['kitchen', 'pan'], ['houseware', 'pan'], ['soup', 'bowl'], ['food', 'bowl'],
  ['lamp', 'lamp'], ['light', 'lamp'], ['lantern', 'lamp'], ['candle', 'candle'],
  ['clock', 'clock'], ['watch', 'watch'],
  ['sofa', 'sofa'], ['couch', 'sofa'], ['loveseat', 'sofa'], ['cushion', 'cushion'], ['pillow', 'cushion'], ['blanket', 'cushion'], ['bedroom', 'cushion'], ['throw', 'cushion'], ['table', 'table'], ['desk', 'table'], ['dresser', 'dresser'], ['cabinet', 'dresser'], ['drawer', 'dresser'], ['shelf', 'dresser'], ['chair', 'chair'], ['stool', 'chair'], ['seat', 'chair'], ['furniture', 'chair'],
  ['bouquet', 'bouquet'], ['flower', 'bouquet'], ['arrangement', 'bouquet'], ['wreath', 'bouquet'], ['centerpiece', 'bouquet'], ['floral', 'bouquet'], ['plant', 'plant'], ['garden', 'plant'], ['succulent', 'plant'], ['vase', 'vase'], ['decorat', 'vase'], ['homedecor', 'vase'], ['ceramic', 'vase'],
  ['sneaker', 'shoe'], ['trainer', 'shoe'], ['boot', 'boot'], ['shoe', 'shoe'], ['sandal', 'shoe'], ['loafer', 'shoe'], ['footwear', 'shoe'],
  ['jacket', 'jacket'], ['coat', 'jacket'], ['parka', 'jacket'], ['shirt', 'shirt'], ['tee', 'shirt'], ['blouse', 'shirt'], ['sweater', 'shirt'], ['jumper', 'shirt'], ['dress', 'shirt'], ['scarf', 'scarf'], ['sock', 'sock'], ['hat', 'hat'], ['cap', 'hat'], ['apparel', 'shirt'], ['clothing', 'shirt'],
  ['guitar', 'guitar'], ['strings', 'guitar'], ['violin', 'guitar'], ['ukulele', 'guitar'], ['drum', 'drum'], ['percussion', 'drum'], ['instrument', 'guitar'],
  ['necklace', 'ring'], ['bracelet', 'ring'], ['earring', 'ring'], ['ring', 'ring'], ['jewel', 'ring'],
  ['novel', 'book'], ['notebook', 'book'], ['stationery', 'book'], ['atlas', 'book'],
  ['perfume', 'bottle'], ['beauty', 'bottle'], ['groom', 'bottle'], ['bath', 'bottle'], ['lotion', 'bottle'], ['soap', 'bottle'], ['bottle', 'bottle'], ['flask', 'bottle'],
  ['tent', 'tent'], ['camp', 'tent'], ['outdoor', 'tent'], ['fishing', 'tent'], ['kayak', 'tent'],
  ['hammer', 'hammer'], ['tool', 'hammer'], ['wrench', 'hammer'], ['saw', 'hammer'], ['drill', 'hammer'],
  ['bread', 'bread'], ['bakery', 'bread'], ['snack', 'jar'], ['jam', 'jar'], ['honey', 'jar'], ['jar', 'jar'], ['spice', 'jar'], ['fruit', 'apple'], ['apple', 'apple'], ['vegetable', 'apple'], ['grocer', 'jar'],
  ['toy', 'ball'], ['ball', 'ball'], ['sport', 'ball'], ['gift', 'parcel'], ['seasonal', 'parcel'], ['christmas', 'parcel'], ['valentine', 'parcel'],
]

/** Special kinds of a common drawing, by a word of the title. */
const SPECIAL: { readonly [shape: string]: readonly (readonly [RegExp, string])[] } = {
  lamp: [[/desk|reading|task/, 'deskLamp'], [/lantern/, 'lantern']],
  candle: [[/lantern/, 'lantern']],
  shoe: [[/slip-on|loafer|moccasin/, 'loafer']],
  boot: [[/chelsea|desert|ankle/, 'chelsea']],
  bag: [[/tote|shopper/, 'tote'], [/weekend|duffel|travel|gym/, 'duffel']],
  hat: [[/beanie|knit/, 'beanie']],
  pan: [[/frying|skillet/, 'skillet']],
  speaker: [[/radio/, 'radio']],
  teapot: [[/kettle/, 'kettle']],
}

const kept = new Map<string, string>()
const KEPT_MAX = 4000 // More than one catalogue's worth of titles; a guess is cheap to repeat.

/** The name of a drawing: for a shape's name, or else for a product's words; of a special kind where the title names one. */
export function guess(words: string, title: string, shapes: readonly string[]): string {
  const asked = `${words}\n${title}`
  const known = kept.get(asked)
  if (known !== undefined) return known
  const text = words.toLowerCase()
  const common = shapes.find((shape) => shape === text) ?? search(text) ?? 'parcel'
  const special = SPECIAL[common]?.find(([word]) => word.test(title.toLowerCase()))?.[1]
  if (kept.size >= KEPT_MAX) kept.clear()
  kept.set(asked, special ?? common)
  return special ?? common
}

function search(text: string): string | undefined {
  // A whole word first ("table", not the "tab" in "tablet"), then any part of one.
  const whole = WORDS.find(([word]) => new RegExp(`\\b${word}s?\\b`).test(text))
  return (whole ?? WORDS.find(([word]) => text.includes(word)))?.[1]
}
