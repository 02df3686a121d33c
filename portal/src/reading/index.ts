/** Records opened on the person's own device: the door of this folder; `here.ts` is loaded apart. */

export type { OpenedRecord } from "./open";
export type { NotOpened, Read } from "./here";
export { ReadingRefusal, type Reason } from "./refusal";
export { forgetReadingKey, readingKey, type KeptKey } from "./store";
