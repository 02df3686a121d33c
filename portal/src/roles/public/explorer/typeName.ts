/** What kind of thing a message asks for, in words: the text that the command line helps with. */
import { useKnows, useText } from "../../../text";

const CAPABILITIES = ["care", "consent", "governance", "identity", "records", "supply"] as const;

/** Gives the words for a message type such as `consent.Grant`; an unknown one stays as it is. */
export function useTypeName(): (type: string) => string {
  const files = {
    care: [useText("care"), useKnows("care")],
    consent: [useText("consent"), useKnows("consent")],
    governance: [useText("governance"), useKnows("governance")],
    identity: [useText("identity"), useKnows("identity")],
    records: [useText("records"), useKnows("records")],
    supply: [useText("supply"), useKnows("supply")],
  } as const;
  return (type) => {
    const [capability = "", name = ""] = type.split(".");
    const known = CAPABILITIES.find((each) => each === capability);
    const key = `${capability}.${snakeCase(name)}/about`;
    if (known === undefined || !files[known][1](key)) {
      return type;
    }
    return files[known][0](key).replace(/[.。]$/, "");
  };
}

/** `AnchorBatch` is `anchor_batch`, as the texts name messages. */
function snakeCase(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
}
