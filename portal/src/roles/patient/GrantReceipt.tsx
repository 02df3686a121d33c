/** The receipt of a permission, as a file to keep: in the language of the page. */
import { Button } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { request } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePatientText } from "./acting";
import { useMe } from "./reading";
import { save } from "./save";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/grants/{grant}/receipt";
const PDF = "application/pdf";

/** `of` says of which permission, to those who do not see where the button stands. */
export function GrantReceipt({ grant, of }: { grant: string; of: string }): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const take = useMutation({
    mutationFn: async () => {
      const headers = { Accept: PDF };
      return (await request("GET", ROUTE, { path: { ...me, grant }, headers })).blob();
    },
    onSuccess: (file) => { save(file, "consent-receipt.pdf"); },
  });
  return (
    <>
      <Button
        variant="outline"
        size="md"
        loading={take.isPending}
        aria-label={say("receipt_of", { organisation: of })}
        onClick={() => { take.mutate(); }}
      >
        {say("receipt")}
      </Button>
      <div aria-live="polite">{take.isError ? <ProblemNotice error={take.error} /> : null}</div>
    </>
  );
}
