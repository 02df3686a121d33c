/** What a proposal would do, in the words of `governance.json`, with names in the places of ids. */
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";

import { usePath } from "../../language";
import { useKnows, useTemplate, useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import type { Action } from "./proposals";

export function ProposalSentence({ of }: { of: Action }): ReactNode {
  const template = useTemplate("governance");
  const parts = template(`governance.propose/actions/${of.do}`).split(/(\{\w+\})/);
  const values: Readonly<Record<string, unknown>> = { ...of };
  return (
    <span>
      {parts.map((part, at) => {
        const field = /^\{(\w+)\}$/.exec(part)?.[1];
        return (
          <Fragment key={at}>
            {field === undefined ? part : <Value field={field} value={values[field]} />}
          </Fragment>
        );
      })}
    </span>
  );
}

function Value({ field, value }: { field: string; value: unknown }): ReactNode {
  const words = useText("portal_values");
  const knows = useKnows("portal_values");
  const path = usePath();
  const text = String(value);
  if (field === "organisation") {
    return (
      <Link to={path(`explorer/subjects/${text}`)}>
        <SubjectName id={text} />
      </Link>
    );
  }
  return field === "name" && knows(`words/${text}`) ? words(`words/${text}`) : text;
}
