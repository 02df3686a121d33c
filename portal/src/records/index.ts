/** Records that people can read: the door of this folder. */
export { reading, resourceOf, type Reading, type Resource } from "./fhir";
export { RecordView, Value } from "./RecordView";
export { Tree } from "./Tree";
export { fhirMoment } from "./when";
export { useRecordWords, type RecordWords } from "./words";
