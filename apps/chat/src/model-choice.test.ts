import { expect, it } from 'vitest'
import { choiceOfAddress, choiceOfFiles } from './model-choice.ts'

it('takes the smaller of two dropped files as the draft', () => {
  const small = new File(['x'], 'small.gguf')
  const big = new File(['xxx'], 'big-Instruct.GGUF')
  expect(choiceOfFiles([small, new File(['xxxx'], 'notes.txt'), big])).toEqual({
    name: 'big-Instruct.GGUF',
    model: big,
    draft: small,
    mode: 'chat',
  })
  expect(choiceOfFiles([new File(['x'], 'notes.txt')])).toBeUndefined()
})

it('names a model by the file of its address and guesses whether it chats', () => {
  const address = 'https://example.com/a/tiny-stories.gguf?download=true'
  expect(choiceOfAddress(address, '')).toEqual({
    name: 'tiny-stories.gguf',
    model: address,
    mode: 'continue',
  })
  expect(choiceOfAddress('https://example.com/gemma-2b-it-q8_0.gguf', 'd.gguf')).toMatchObject({
    mode: 'chat',
    draft: 'd.gguf',
  })
})
