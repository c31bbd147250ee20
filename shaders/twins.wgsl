// Which of its own tokens a draft model of another vocabulary has for the target's: engine/src/load-model.ts.
const NO_TWIN = 0x80000000u; // beside the id of a token that may be read in its place, never drawn
