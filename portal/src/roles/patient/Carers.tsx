/** Who may act for me: see them, end them, name one. */
import { Button, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { ShortId } from "../../components/ShortId";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { usePowers } from "../carer/powers";
import { type Carer, carerName, useCarers } from "./naming";
import { EndCarer } from "./EndCarer";
import { NameCarer } from "./NameCarer";
import { useFresh } from "./reading";
import { day } from "./words";

export default function Carers(): ReactNode {
  const say = useText("portal_patient");
  const found = useCarers();
  const [ending, end] = useState<string>();
  useFresh();
  return (
    <>
      <PageTitle tab={say("carers/title")}>{say("carers/title")}</PageTitle>
      <p>{say("carers/about")}</p>
      <Query of={found}>
        {(carers) => {
          const now = carers.filter((each) => each.on || each.custodian === ending);
          const over = carers.filter((each) => !now.includes(each));
          return (
            <>
              {now.length === 0 ? <Empty>{say("carers/nobody")}</Empty> : null}
              <ul className="lines">
                {now.map((each) => (
                  <Line
                    key={each.custodian}
                    of={each}
                    ending={each.custodian === ending}
                    onEnd={() => { end(each.custodian); }}
                    onDone={() => { end(undefined); }}
                  />
                ))}
              </ul>
              {over.length === 0 ? null : (
                <details>
                  <summary>{say("carers/over", { count: over.length })}</summary>
                  <ul className="lines">
                    {over.map((each) => <Line key={each.custodian} of={each} />)}
                  </ul>
                </details>
              )}
            </>
          );
        }}
      </Query>
      <Title order={2} mt="lg">{say("carers/name")}</Title>
      <NameCarer />
    </>
  );
}

interface Props {
  readonly of: Carer;
  readonly ending?: boolean;
  readonly onEnd?: () => void;
  readonly onDone?: () => void;
}

function Line({ of, ending = false, onEnd, onDone }: Props): ReactNode {
  const say = useText("portal_patient");
  const language = useLanguage();
  const powers = usePowers();
  const name = carerName(of, say);
  return (
    <li>
      <strong>{name}</strong>
      <div>{say("carers/may", { powers: powers(of.powers) })}</div>
      <div className="beside">{say("carers/until", { ends: day(of.ends, language) })}</div>
      <details>
        <summary>{say("details")}</summary>
        <p>{say("carers/number")} <ShortId id={of.custodian} /></p>
      </details>
      {onEnd === undefined || ending ? null : (
        <Button size="md" variant="outline" aria-label={say("carers/end_of", { name })} onClick={onEnd}>
          {say("carers/end")}
        </Button>
      )}
      {ending && onDone !== undefined ? <EndCarer of={of} name={name} onDone={onDone} /> : null}
    </li>
  );
}
