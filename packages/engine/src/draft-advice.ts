/** Of `adviseDraft`: pure types. Written out, not taken from the scheduler: to roll all of it into one declaration file exhausts memory. */

/** A draft model that one thinks of, for `adviseDraft`. */
export interface DraftCandidate {
  name: string
  /** One step of it, for one token, on this device. */
  stepMs: number
  /** S(1), S(2), …: how far its drafts survive; or the tokens of a round (TAR) as measured at one depth. */
  agreement: { survival: readonly number[] } | { tar: number; depth: number }
}

export interface DraftAdvice {
  name: string
  /** Tokens to draft per round; 0 where plain decoding is faster at every depth. */
  depth: number
  /** Tokens that a round is expected to give, the target's own among them. */
  tar: number
  tokensPerS: number
  /** Over plain decoding. */
  speedUp: number
}
