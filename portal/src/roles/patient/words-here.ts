/** Refusals of reading on this device, in the words that every other refusal has. */
import { ProblemError } from "../../problem";
import { ReadingRefusal } from "../../reading";
import { inWords } from "../../sign/use-signing";
import { useText } from "../../text";

export function useHereWords(): (error: Error) => Error {
  const say = useText("portal_patient");
  const own = useText("portal_sign");
  return (error) => {
    if (!(error instanceof ReadingRefusal)) return inWords(error, own);
    const at = `here/refused/${error.reason}`;
    return new ProblemError({
      code: `here.${error.reason}`,
      status: 0,
      title: say(`${at}/title`),
      detail: say("here/nothing_shown"),
      next: say(`${at}/next`),
    });
  };
}
