/** The organisation whose desk this is. */
import { useWho, type Who } from "../../who";

export function useOwn(): Who {
  const found = useWho();
  if (found === undefined) {
    throw new Error("nobody is signed in");
  }
  return found;
}
