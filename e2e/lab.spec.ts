/** The lab, as built: it runs a workload and shows what the controller did. */
import { expect, test } from '@playwright/test'

const url = 'http://127.0.0.1:4174'

test('runs a workload, shows its steps, and simulates the load', async ({ page }) => {
  const errors: string[] = []
  page.on('pageerror', error => errors.push(error.message))
  await page.goto(url)
  await expect(page.getByTestId('status')).toContainText('Ready')
  // What was measured at load is drawn before anything runs.
  for (const plot of ['cost', 'survival', 'goodput']) {
    await expect(page.getByTestId(plot).locator('canvas')).toBeVisible()
  }
  await expect(page.getByTestId('load').locator('.u-series')).toHaveCount(6)
  await expect(page.getByTestId('prompts').locator('tbody tr')).not.toHaveCount(0)
  await expect(page.getByTestId('advice')).toContainText('Tales wide')

  await page.getByTestId('workload').getByText('Edit').click()
  await page.getByTestId('concurrency').selectOption('4')
  await page.getByTestId('run').click()
  await expect(page.getByTestId('timeline-note')).toContainText(/Accepted of drafted: .*\d+\/\d+/)
  await expect(page.getByTestId('status')).toContainText('tokens/s')
  await page.getByTestId('run').click()
  await expect(page.getByTestId('run')).toHaveText('Run')
  expect(errors).toEqual([])
})
