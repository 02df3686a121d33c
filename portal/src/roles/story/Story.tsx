/** The story of a demo: who may come in, what was done, and the same by command and by program. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useLanguage, usePath } from "../../language";
import { useText } from "../../text";
import { type Part, type Step, STORY, type Told, told, within } from "./told";

export default function Story(): ReactNode {
  const say = useText("portal_story");
  const found = useQuery({ queryKey: STORY, queryFn: ({ signal }) => told(signal) });
  return (
    <>
      <PageTitle tab={say("title")}>{say("title")}</PageTitle>
      <p>{say("about")}</p>
      <Query of={found}>
        {(story) => (
          <>
            <People of={story.people} />
            {story.steps.map((step, at) => (
              <Chapter key={at} of={step} />
            ))}
          </>
        )}
      </Query>
    </>
  );
}

function People({ of }: { of: Told["people"] }): ReactNode {
  const say = useText("portal_story");
  const language = useLanguage();
  if (of.length === 0) return null;
  return (
    <section>
      <Title order={2} mt="lg" mb="xs">{say("people")}</Title>
      <p>{say("people_about")}</p>
      <ul>
        {of.map((each) => (
          <li key={each.link}>
            <a href={within(each.link, location.origin) ?? each.link}>
              {say("come_in_as", { who: each.who[language] })}
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Chapter({ of }: { of: Step }): ReactNode {
  const language = useLanguage();
  return (
    <section>
      <Title order={2} mt="xl" mb="xs">{of.title[language]}</Title>
      {of.parts.map((part, at) => (
        <Piece key={at} of={part} />
      ))}
    </section>
  );
}

function Piece({ of }: { of: Part }): ReactNode {
  const say = useText("portal_story");
  const language = useLanguage();
  const path = usePath();
  switch (of.kind) {
    case "tell":
      return <p>{of.words[language]}</p>;
    case "proof":
      return <p className="proof-line">✓ {of.words[language]}</p>;
    case "see":
      return (
        <p>
          <Link to={path(of.page)}>{say("see")}</Link>
        </p>
      );
    case "command":
      return (
        <>
          <Code label={say("same_in_cli")} lines={[of.line]} />
          {of.python.length > 0 && <Code label={say("same_in_python")} lines={of.python} folded />}
        </>
      );
  }
}

function Code(
  { label, lines, folded = false }: { label: string; lines: readonly string[]; folded?: boolean },
): ReactNode {
  const text = (
    <pre style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }} lang="en">
      <code>{lines.join("\n")}</code>
    </pre>
  );
  if (folded) {
    return (
      <details>
        <summary>{label}</summary>
        {text}
      </details>
    );
  }
  return (
    <figure style={{ margin: 0 }}>
      <figcaption>{label}</figcaption>
      {text}
    </figure>
  );
}
