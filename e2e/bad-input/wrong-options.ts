/** Options with one thing wrong, and the name that the error must give to it. */
export interface WrongOptions {
  options: Record<string, unknown>
  argument: string
}

/** Wrong for every numeric option. */
const noNumbers = [Number.NaN, Number.POSITIVE_INFINITY, '1', true, [1], {}]
/** Wrong where nothing below 0 is allowed. */
const wrongNumbers = [...noNumbers, -1]

const each = (names: readonly string[], values: readonly unknown[]): WrongOptions[] =>
  names.flatMap(name => values.map(value => ({ options: { [name]: value }, argument: name })))

const depths = (values: readonly unknown[]): WrongOptions[] =>
  values.map(depth => ({
    options: { speculation: { method: 'lookup', depth } },
    argument: 'speculation.depth',
  }))

/** Of createEngine, beside the usual model. */
export function wrongLoads(): WrongOptions[] {
  return [
    ...each(['maxConcurrent', 'contextLength'], [...wrongNumbers, null, 0, 1.5]),
    ...each(['maxConcurrent'], [33]),
    ...each(['contextLength'], [513]),
    ...each(['kvType'], ['f8', 16]),
    ...each(['numerics'], ['faster', 8, true]),
    ...each(['verificationDepth'], [...wrongNumbers, null, 1.5, 17]),
    ...each(['context'], [64]),
    ...each(['draft'], [3, '', new Array(4).fill('model.gguf')]),
    ...each(['heads'], [3, '']),
    ...each(['trees'], [1, 'yes']),
    ...each(['grammars'], [3, '', true]),
    ...each(['ngramCache'], [3, {}, { name: '' }, { name: 'x'.repeat(101) }]),
    ...each(['model'], ['', undefined]),
    ...each(['signal'], [{}]),
    ...each(['onProgress'], ['loud']),
  ]
}

/** Of generate, beside a prompt. */
export function wrongRequests(): WrongOptions[] {
  const prompt = undefined
  return [
    ...each(['maxTokens', 'temperature', 'topK', 'topP', 'minP', 'seed'], wrongNumbers),
    ...each(['repetitionPenalty'], [...wrongNumbers, 0, 1e7]),
    ...each(['presencePenalty', 'frequencyPenalty'], [...noNumbers, -2.1, 2.1]),
    ...each(['topLogprobs'], [...wrongNumbers, 1.5, 21, 3]),
    ...each(['n'], [...wrongNumbers, 0, 1.5, 33]),
    ...each(['policy'], ['best', 4, {}]),
    ...each(['priority'], [...noNumbers, 0.5, 101, -101]),
    ...each(['logprobs'], [1, 'yes']),
    ...each(['logitBias'], [3, 'x', [1]]),
    ...[512, -1, 'x', '01'].map(id => ({
      options: { logitBias: { [id]: 1 } },
      argument: `logitBias[${id}]`,
    })),
    ...[...noNumbers, null, 101, -101].map(bias => ({
      options: { logitBias: { 3: bias } },
      argument: 'logitBias[3]',
    })),
    ...each(['maxTokens', 'topK', 'seed'], [1.5]),
    ...each(['maxTokens', 'topP'], [0]),
    ...each(['topP', 'minP'], [1.01]),
    ...each(['temperature'], [101]),
    ...each(['seed'], [2 ** 32]),
    ...each(['speculation'], ['maybe', null, 3, { method: 'oracle', depth: 1 }]),
    ...depths([...wrongNumbers, 1.5, 17, undefined]),
    ...['draft', 'cache', 'heads', 'tree', 'grammar'].map(method => ({
      options: { speculation: { method, depth: 2 } },
      argument: 'speculation.method',
    })),
    ...each(['verification'], ['typical', 3, null, ['block']]),
    {
      options: { verification: 'block', speculation: { method: 'tree', depth: 4 } },
      argument: 'verification',
    },
    ...each(['grammar'], ['yaml', null, 3, {}, 'json', { regex: 'a', ebnf: 'b' }]),
    { options: { grammar: { regex: '' } }, argument: 'grammar.regex' },
    { options: { grammar: { schema: [] } }, argument: 'grammar.schema' },
    ...each(['stop'], ['', 3, [''], new Array(9).fill('a')]),
    ...each(['stopTokens'], ['x', new Array(17).fill(3)]),
    ...each(['temprature', 'max_tokens'], [1]),
    ...each(['signal'], [{}]),
    ...each(['prompt'], [3, undefined]),
    { options: { tokens: [1, 2] }, argument: 'prompt' },
    { options: { prompt, messages: [] }, argument: 'messages' },
    { options: { prompt, messages: [{ role: 'user', content: 3 }] }, argument: 'messages[0]' },
    ...[Number.NaN, -1, 1.5, 512, '1'].flatMap(id => [
      { options: { prompt, tokens: [1, id] }, argument: 'tokens[1]' },
      { options: { stopTokens: [id] }, argument: 'stopTokens[0]' },
    ]),
  ]
}

/** Of chat.completions.create, beside messages. */
export function wrongChats(): WrongOptions[] {
  const numeric = ['max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'top_k', 'min_p', 'seed']
  return [
    ...each(numeric, wrongNumbers),
    ...depths([Number.NaN, -1, 17, '1']),
    ...each(['best_of'], [2]),
    ...each(['n'], [...wrongNumbers, 33, 2n]),
    ...each(['topP'], [0.5]),
    ...each(['frequency_penalty', 'presence_penalty'], [Number.NaN, -3, 3]),
    ...each(['repetition_penalty', 'top_logprobs'], wrongNumbers),
    { options: { logit_bias: { 3: 101 } }, argument: 'logit_bias[3]' },
    ...each(['model'], ['gpt-4']),
    ...each(['response_format'], [{ type: 'json_object' }]),
    ...each(['tool_choice'], ['always']),
    { options: { response_format: 'json' }, argument: 'response_format.type' },
    ...each(['verification'], ['typical']),
    ...each(['messages'], ['Hi', []]),
    ...each(['stop'], [3]),
    ...each(['signal'], [{}]),
  ]
}
