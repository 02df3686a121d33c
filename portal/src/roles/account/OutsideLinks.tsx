/** By which sign-ins of others one comes in, and how to link or unlink one. */
import { Button, Stack } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Moment } from "../../components/Moment";
import { useLanguage } from "../../language";
import { goLinking, ownLinks, type OwnLinks, unlink } from "../../session/outside";
import { useText } from "../../text";
import { SteppedNotice } from "./SteppedNotice";

const KEY = ["outside-links"];

export function OutsideLinks(): ReactNode {
  const say = useText("portal_outside");
  const found = useQuery({ queryKey: KEY, queryFn: ownLinks });
  if (found.data === undefined) return <SteppedNotice error={found.error} />;
  if (found.data.links.length + found.data.more.length === 0) return null;
  return (
    <>
      <h2>{say("links/title")}</h2>
      <p>{say("links/about")}</p>
      <Linked of={found.data} />
    </>
  );
}

function Linked({ of }: { of: OwnLinks }): ReactNode {
  const say = useText("portal_outside");
  const language = useLanguage();
  const queries = useQueryClient();
  const going = useMutation({ mutationFn: (name: string) => goLinking(name, language) });
  const ending = useMutation({
    mutationFn: unlink,
    onSuccess: () => queries.invalidateQueries(),
  });
  return (
    <Stack gap="sm" align="flex-start">
      <div aria-live="polite">
        <SteppedNotice error={going.error ?? ending.error} />
      </div>
      {of.links.map((each) => (
        <div key={each.provider}>
          <p>
            {say("links/since", { name: each.title[language] })} <Moment at={each.created} />
            {each.used === null ? null : (
              <>
                {say("links/used")} <Moment at={each.used} />
              </>
            )}
          </p>
          <Button
            variant="outline"
            loading={ending.isPending && ending.variables === each.provider}
            onClick={() => {
              ending.mutate(each.provider);
            }}
          >
            {say("links/unlink", { name: each.title[language] })}
          </Button>
        </div>
      ))}
      {of.more.map((each) => (
        <Button
          key={each.provider}
          variant="outline"
          loading={going.isPending && going.variables === each.provider}
          onClick={() => {
            going.mutate(each.provider);
          }}
        >
          {say("links/link", { name: each.title[language] })}
        </Button>
      ))}
    </Stack>
  );
}
