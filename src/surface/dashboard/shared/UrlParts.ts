/** Characters that a part may have and still stay on one line: so many have room in the narrowest place, a card on a phone of 390 pixels. */
const longest = 24

interface UrlPart {
  /** Where it begins in the whole. */
  readonly at: number
  readonly text: string
  /** It is too long to stay on one line. */
  readonly breaks: boolean
}

/** A URL in the parts between which a line may end: each goes to behind a separator. Together they are the whole, to the character. */
export const partsOf = (url: string): ReadonlyArray<UrlPart> =>
  Array.from(
    url.matchAll(/[^/?&=.\-_:;,+%~#]*(?:[/:]+|[?&=.\-_;,+%~#]+)|[^/?&=.\-_:;,+%~#]+$/g),
    ({ 0: text, index }) => ({
      at: index,
      text,
      breaks: text.length > longest
    })
  )
