/** Ending a visit: signed by the doctor, and from then on nobody opens the record because of it. */
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useNavigate, useParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { toSign } from "./signing-key";
import { SignThen } from "./SignThen";
import { useWaiting, WAITING } from "./Waiting";
import { WithKey } from "./WithKey";
import { DraftsNotice } from "./writing/DraftsNotice";

export default function End(): ReactNode {
  const say = useText("portal_doctor");
  const { person = "" } = useParams();
  const waiting = useWaiting();
  return (
    <>
      <PageTitle tab={say("end/title")}>{say("end/title")}</PageTitle>
      <DraftsNotice />
      <Query of={waiting}>
        {(persons) => {
          const found = persons.find((each) => each.person === person && each.relation.kind === "encounter");
          if (found === undefined) return <Empty>{say("write/no_visit")}</Empty>;
          return (
            <>
              <p>
                <strong>{say("write/for", { name: found.name ?? say("waiting/nameless") })}</strong>
              </p>
              <p>{say("end/about")}</p>
              <WithKey>{(key) => <Close encounter={found.relation.relation} by={key} />}</WithKey>
            </>
          );
        }}
      </Query>
    </>
  );
}

function Close({ encounter, by }: { encounter: string; by: DeviceKey }): ReactNode {
  const path = usePath();
  const navigate = useNavigate();
  const own = useOwn();
  const queries = useQueryClient();
  const [bytes] = useState(() => toSign(by, own, { type: "care.CloseEncounter", encounter }));
  const leave = (): void => {
    void navigate(path("doctor"));
  };
  const ended = (): void => {
    void queries.invalidateQueries({ queryKey: [WAITING] });
    leave();
  };
  return <SignThen bytes={bytes} then={ended} leave={leave} />;
}
