/**
 * Turns a .wgsl file into the text of one variant. Two devices, both plain text (`override` constants break
 * workgroup array sizes in Safari, and compilers do not reliably unroll loops or keep small arrays in registers):
 *
 * - `const NAME = …;` and `alias NAME = …;` lines take the value of the parameter of that name;
 * - `//: for v in NAME` … `//: end` repeats the lines with `$v` = 0, 1, …; `//: if NAME` … `//: else` … `//: end`
 *   chooses; `//: loop v in NAME` … `//: end` is a WGSL loop over the u32 `v`, and no loop where there is but one
 *   round (a tenth to a half of the time in SwiftShader). NAME is a constant of the same file: a parameter, or what is
 *   counted from some above it, in whole numbers.
 */
export type Params = Readonly<Record<string, number | boolean | string>>

export function specialise(source: string, params: Params): string {
  const values = readConstants(source)
  for (const [name, value] of Object.entries(params)) {
    if (!values.has(name)) throw new Error(`No parameter ${name} in this kernel.`)
    values.set(name, value)
  }
  for (const [name, value] of values) {
    if (typeof value === 'string') values.set(name, evaluate(value, values) ?? value)
  }
  const lines = source.split('\n').map(line => substitute(line, params))
  return expand(lines, values).join('\n')
}

/** What an expression of u32 comes to: of numbers, names that stand for some, + - * / % and brackets; else undefined. */
function evaluate(text: string, values: ReadonlyMap<string, unknown>): number | undefined {
  const tokens = text.match(/\w+|\S/g) ?? []
  let at = 0
  const factor = (): number => {
    const token = tokens[at++]
    if (token !== '(') return Number(values.get(token!) ?? token?.replace(/u$/, ''))
    const inner = sum()
    return tokens[at++] === ')' ? inner : Number.NaN
  }
  const product = (): number => {
    let result = factor()
    while (/^[*/%]$/.test(tokens[at] ?? '')) {
      const operator = tokens[at++]
      const next = factor()
      if (operator === '*') result *= next
      else result = operator === '/' ? Math.floor(result / next) : result % next
    }
    return result
  }
  const sum = (): number => {
    let result = product()
    while (/^[+-]$/.test(tokens[at] ?? '')) result += tokens[at++] === '+' ? product() : -product()
    return result
  }
  const result = sum()
  return at === tokens.length && Number.isInteger(result) ? result : undefined
}

const declaration = /^(const|alias) (\w+) = ([^;]+);/

function readConstants(source: string): Map<string, number | boolean | string> {
  const values = new Map<string, number | boolean | string>()
  for (const line of source.split('\n')) {
    const [, , name, text] = declaration.exec(line) ?? []
    if (name === undefined || text === undefined) continue
    const count = /^(\d+)u?$/.exec(text)?.[1]
    values.set(name, text === 'true' ? true : text === 'false' ? false : count ? Number(count) : text)
  }
  return values
}

function substitute(line: string, params: Params): string {
  const [, keyword, name, text] = declaration.exec(line) ?? []
  if (name === undefined || text === undefined || !(name in params)) return line
  const value = params[name]!
  const suffix = typeof value === 'number' && text.endsWith('u') ? 'u' : ''
  return line.replace(declaration, `${keyword} ${name} = ${value}${suffix};`)
}

function expand(lines: readonly string[], values: ReadonlyMap<string, unknown>): string[] {
  const out: string[] = []
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    const [, kind, variable, count] = /^\s*\/\/: (for|loop) (\w+) in (\w+)$/.exec(line) ?? []
    const condition = /^\s*\/\/: if (\w+)$/.exec(line)?.[1]
    if (variable === undefined && condition === undefined) {
      out.push(line)
      continue
    }
    const { end, middle } = findEnd(lines, i)
    if (condition !== undefined) {
      const [from, to] = values.get(condition) ? [i + 1, middle ?? end] : [(middle ?? end - 1) + 1, end]
      out.push(...expand(lines.slice(from, to), values))
    } else if (kind === 'loop') {
      const once = Number(values.get(count!)) === 1
      const opening = `for (var ${variable} = 0u; ${variable} < ${count}; ${variable}++) {`
      out.push(once ? `{ const ${variable} = 0u;` : opening, ...expand(lines.slice(i + 1, end), values), '}')
    } else {
      const body = lines.slice(i + 1, end)
      for (let n = 0; n < Number(values.get(count!)); n++) {
        // `$c` inside a name, `$cu` where a u32 is meant.
        const round = body.map(text =>
          text.replaceAll(new RegExp(`\\$${variable}(?![a-tv-z])`, 'g'), String(n)),
        )
        out.push(...expand(round, values))
      }
    }
    i = end
  }
  return out
}

/** Index of the directive's `//: end` and of its own `//: else`. */
function findEnd(lines: readonly string[], start: number): { end: number; middle: number | undefined } {
  let depth = 0
  let middle: number | undefined
  for (let i = start; i < lines.length; i++) {
    const text = lines[i]!.trim()
    if (/^\/\/: (for|loop|if) /.test(text)) depth++
    else if (text === '//: else' && depth === 1) middle = i
    else if (text === '//: end' && --depth === 0) return { end: i, middle }
  }
  throw new Error(`Line ${start + 1} opens a block that never ends.`)
}
