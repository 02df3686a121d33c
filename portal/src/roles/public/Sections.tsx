/** A page of headings and paragraphs, all from the text file. */
import { Title } from "@mantine/core";
import type { ReactNode } from "react";

import { PageTitle } from "../../components/Page";
import { useText } from "../../text";

interface Props {
  /** The key below which `title` and the sections' `title` and `text` stand. */
  readonly of: string;
  readonly sections: readonly string[];
}

export function Sections({ of, sections }: Props): ReactNode {
  const say = useText("portal_public");
  return (
    <>
      <PageTitle tab={say(`${of}/title`)}>{say(`${of}/title`)}</PageTitle>
      {sections.map((each) => (
        <section key={each}>
          <Title order={2} mt="lg" mb="xs">
            {say(`${of}/${each}/title`)}
          </Title>
          <p>{say(`${of}/${each}/text`)}</p>
        </section>
      ))}
    </>
  );
}
