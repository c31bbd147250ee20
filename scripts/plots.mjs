// Draws what `npm run bench -- kernels --json FILE` measured, as SVG files beside FILE: node scripts/plots.mjs FILE
import { readFileSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { bandwidth, matmulCost, verifyCost } from './plot/kernel-plots.mjs'
import { runMain } from './setup.mjs'

const plots = [
  { ending: 'verify-cost', name: 'verify_cost', draw: verifyCost },
  { ending: 'matmul-cost', name: 'matmul', draw: matmulCost },
  { ending: 'bandwidth', name: 'matmul', draw: bandwidth },
]

await runMain(() => {
  const [file] = process.argv.slice(2)
  if (!file?.endsWith('.json')) throw new Error('node scripts/plots.mjs FILE.json')
  const { adapter, host, commit, date, rows } = JSON.parse(readFileSync(file, 'utf8'))
  const note = `${adapter}, ${host}, commit ${commit?.slice(0, 7) ?? 'unknown'}, ${date.slice(0, 10)}`
  for (const { ending, name, draw } of plots) {
    const own = rows.filter(row => row.name === name)
    if (!own.some(row => row.value !== null)) continue
    const path = file.replace(/\.json$/, `-${ending}.svg`)
    writeFileSync(path, draw(own, note))
    process.stdout.write(`${path}\n`)
  }
})
