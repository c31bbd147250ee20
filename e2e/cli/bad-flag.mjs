import { parseArgs } from 'node:util'

/** A command line that cannot be meant. */
export class BadFlag extends Error {
  exitCode = 2

  constructor(message) {
    super(`${message} See --help.`)
  }
}

/** node:util's parseArgs, with its complaints as BadFlag. */
export function parseFlags(config) {
  try {
    return parseArgs(config)
  } catch (error) {
    // Node appends advice that does not help here.
    const [complaint] = error.message.split(/\. |\n/)
    throw new BadFlag(`${complaint.replace(/\.$/, '')}.`)
  }
}
