/** Calling packs back: what is meant, then what follows from it and who is told, and then the act. */
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { NOTHING, type Typed, type Wanted } from "./recall";
import { RecallFields } from "./RecallFields";
import { RecallReview } from "./RecallReview";
import { useOwnKind, useOwnProducts } from "./traders";

export default function RecallNew(): ReactNode {
  const say = useText("portal_regulator");
  const path = usePath();
  const products = useOwnProducts();
  const anything = useOwnKind() === "regulator";
  const [typed, setTyped] = useState<Typed>(NOTHING);
  const [wanted, setWanted] = useState<Wanted>();
  return (
    <>
      <PageTitle tab={say("recall_new/title")}>{say("recall_new/title")}</PageTitle>
      <p>
        <Link to={path("oversight/now")}>{say("recall/back")}</Link>
      </p>
      <Query of={products}>
        {(own) =>
          wanted !== undefined ? (
            <RecallReview
              wanted={wanted}
              back={() => {
                setWanted(undefined);
              }}
            />
          ) : own.length === 0 && !anything ? (
            <Empty>{say("recall_new/not_you")}</Empty>
          ) : (
            <RecallFields
              typed={typed}
              change={setTyped}
              products={anything ? undefined : own}
              done={setWanted}
            />
          )
        }
      </Query>
    </>
  );
}
