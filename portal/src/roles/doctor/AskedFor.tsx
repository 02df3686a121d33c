/** What the doctor asked patients elsewhere for, and which of it was refused. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { SubjectName } from "../../components/SubjectName";
import { useLanguage } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { useCategories } from "./categories";

const ROUTE = "/v1/organisations/{organisation}/asks";
/** A refusal leaves nothing on the chain that could be listened to. */
const AGAIN = 15_000;

type Sent = AnswerOf<typeof ROUTE>["asks"][number];

export function AskedFor(): ReactNode {
  const say = useText("portal_doctor");
  const { organisation, subject } = useOwn();
  const found = useQuery({
    queryKey: ["asked-for", subject],
    queryFn: ({ signal }) => get(ROUTE, { path: { organisation }, signal }),
    refetchInterval: AGAIN,
  });
  useLive({ after: "latest", id: subject }, () => void found.refetch());
  return (
    <section aria-label={say("asked/title")}>
      <Title order={2} mt="xl">{say("asked/title")}</Title>
      <Query of={found}>
        {({ asks }) =>
          asks.length === 0 ? (
            <Empty>{say("asked/nothing")}</Empty>
          ) : (
            <ul className="lines">
              {asks.map((each) => (
                <Line key={each.ask} of={each} />
              ))}
            </ul>
          )
        }
      </Query>
    </section>
  );
}

function Line({ of }: { of: Sent }): ReactNode {
  const say = useText("portal_doctor");
  const language = useLanguage();
  const categories = useCategories();
  const list = new Intl.ListFormat(language, { type: "conjunction" });
  const number = of.number ?? "";
  return (
    <li>
      <strong><SubjectName id={of.holder} /></strong>
      <div>{number === "" ? say("asked/by_card") : say("asked/number", { number })}</div>
      <div>{list.format(of.categories.map(categories))}</div>
      <div>{say(`asked/states/${of.status}`)}</div>
      <span className="beside">
        {say(of.status === "refused" ? "asked/since" : "asked/until")} <Moment at={of.refused ?? of.ends} />
      </span>
    </li>
  );
}
