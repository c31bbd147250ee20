/** Texts that suit the bundled model, by what a drafter can do with them. */
export const WORKLOADS = ['story', 'chat', 'edit', 'extract'] as const
export type Workload = (typeof WORKLOADS)[number]

export const isWorkload = (name: unknown): name is Workload => WORKLOADS.some(workload => workload === name)

const passage =
  'The king sent for Flora and asked her what she had seen. "I saw a ship with golden sails," answered Flora, "and it ' +
  'was coming from the north." Then the king rose from his chair and gave Flora his own horse, so that she might ride ' +
  'to the sea. In the evening she came to a hut by the shore, and an old man sat before it and mended his net.'

const forest =
  'The queen gave her daughter a golden apple and a white horse. The wolf was sitting by the road when she came. ' +
  '"Where are you going?" asked the wolf. "To my grandmother," answered the girl, and she rode on. At night the road ' +
  'led through a dark forest, and the horse was afraid.'

const prompts: Readonly<Record<Workload, readonly string[]>> = {
  story: [
    'Tell me a story about a fox.',
    'Write a story about a turtle.',
    'Tell me a story about a king who had three sons.',
    'Write a story about a poor fisherman.',
  ],
  chat: [
    'Hello! Who are you?',
    'Tilda lives in a castle of grey stone. Tilda has a yellow needle.\n\nWhat colour is the needle of Tilda?',
    'Selma is a girl. Selma lives under a great oak.\n\nWhere does Selma live?',
    'Julia is afraid of the wolf. Julia lives at the edge of the wood.\n\nWhom does Julia fear?',
  ],
  edit: [
    `Change Flora to Greta.\n\n${passage}`,
    `Write this passage with Clara in place of Flora.\n\n${passage}`,
    `Copy this passage.\n\n${forest}`,
    'Add a line that logs total before the return.\n\nfunction addPrice(price: number, count: number): number {\n' +
      '  const total = price + count\n  return total\n}',
  ],
  extract: [
    `Quote the sentences that mention road.\n\n${forest}`,
    `Quote the sentences that mention Flora.\n\n${passage}`,
    `Extract every sentence with the word horse.\n\n${forest}`,
    `Quote the sentences that mention king.\n\n${passage}`,
  ],
}

/** The i-th request of a workload: its texts in turn, with another seed each time round. */
export function promptOf(workload: Workload, i: number): { prompt: string; seed: number } {
  const texts = prompts[workload]
  return { prompt: texts[i % texts.length]!, seed: i }
}
