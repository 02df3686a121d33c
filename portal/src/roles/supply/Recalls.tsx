/** Recalls that were followed here: those that people still have to confirm stand first. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOrganisation } from "./calls";
import { ProductName } from "./Names";
import { useNews } from "./news";
import { ProvedRecallWhenAsked } from "./Proved";
import { TradePage } from "./TradePage";

export type Listed = AnswerOf<"/v1/organisations/{organisation}/supply/recalls">["recalls"][number];

/** Whether people here still have to look. */
export function isOpen(recall: Listed): boolean {
  return recall.ended === null && recall.answer?.confirmed !== true;
}

export default function Recalls(): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const refetchInterval = useNews();
  const found = useQuery({
    queryKey: ["supply", organisation, "recalls"],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/supply/recalls", { path: { organisation }, signal }),
    refetchInterval,
  });
  return (
    <TradePage page="recalls">
      <Query of={found}>
        {({ recalls }) =>
          [true, false].map((open) => {
            const some = recalls.filter((each) => isOpen(each) === open);
            const below = open ? "recalls/open" : "recalls/others";
            return (
              <section key={below}>
                <Title order={2} mt="lg">
                  {say(`${below}/title`)}
                </Title>
                {some.length === 0 ? <Empty>{say(`${below}/none`)}</Empty> : null}
                <ul className="lines">
                  {some.map((each) => (
                    <One key={each.recall} of={each} />
                  ))}
                </ul>
              </section>
            );
          })
        }
      </Query>
    </TradePage>
  );
}

function One({ of: recall }: { of: Listed }): ReactNode {
  const say = useText("portal_supply");
  const words = useText("scan");
  const path = usePath();
  const state = recall.ended !== null ? "ended" : isOpen(recall) ? "open" : "confirmed";
  return (
    <li>
      <Link to={path(`supply/recalls/${recall.recall}`)}>
        <ProductName gtin={recall.gtin} />
      </Link>{" "}
      <strong>{say(`recalls/states/${state}`)}</strong>
      <span className="beside">
        {words("page/recall_grade", { grade: recall.grade })} · {words(`recall/${recall.reason}`)} ·{" "}
        <SubjectName id={recall.issuer} /> · <Moment at={recall.issued} />
      </span>
      <ProvedRecallWhenAsked of={recall} />
    </li>
  );
}
