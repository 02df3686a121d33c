/** Finding who stands at the desk: by card, by number, or by number for a visit that goes on. */
import { useMutation, type UseMutationResult } from "@tanstack/react-query";

import { post } from "../../api";
import type { Numbered } from "../../components/numbers";
import { useOwn } from "../../who";

export type Whom =
  | { readonly card: string }
  | (Numbered & { readonly encounter: string })
  | (Numbered & { readonly reason: "registration" });

export function useFind(
  found: (person: string) => void,
): UseMutationResult<{ person: string }, Error, Whom> {
  const { organisation } = useOwn();
  return useMutation({
    mutationFn: (body: Whom) =>
      post("/v1/organisations/{organisation}/persons/look-up", { path: { organisation }, body }),
    onSuccess: ({ person }) => {
      found(person);
    },
  });
}
