/** What a user may name as a model. Pure types. */

/** A model of a repository on the Hugging Face Hub, or on a server that speaks as it does. */
export interface HubModel {
  /** 'owner/name'. */
  repo: string
  /**
   * The file's path in the repository; of a split one ("-00001-of-00003.gguf") any part. Default: the only GGUF file, or of
   * several the first of these types: Q8_0, Q4_0, Q4_K_M, Q5_K_M, Q6_K, F16, BF16, F32; where there is none, the
   * safetensors, with the config.json and the tokenizer beside them.
   */
  file?: string
  /** Branch, tag or commit. Default 'main'. */
  revision?: string
  /** An access token, for what is private or gated. It is sent to the hub alone, and never stored. */
  token?: string
  /** The address of another hub. Default 'https://huggingface.co'. */
  hub?: string
}

/** A file that comes with the app: the browser caches it like the rest of the app, and it is not stored. */
export interface AppFile {
  asset: string
}

/** Several Files are those of one folder, by their names. */
export type FileSource =
  | string
  | URL
  | Blob
  | readonly File[]
  | HubModel
  | AppFile
  | FileSystemFileHandle
  | FileSystemDirectoryHandle
