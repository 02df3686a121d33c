/** How long each of the newest blocks took: drawn, and as a table. */
import { Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { Link } from "react-router";

import { Moment } from "../../components/Moment";
import { Rows } from "../../components/Rows";
import { Empty } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { useText } from "../../text";
import { type Gap, median } from "./health";
import { duration } from "./say";

const WIDE = 24;
const HIGH = 120;

export function Blocks({ of }: { of: readonly Gap[] }): ReactNode {
  const say = useText("portal_operator");
  const path = usePath();
  const language = useLanguage();
  return (
    <section>
      <Title order={2} mt="xl" mb="xs">
        {say("blocks/title")}
      </Title>
      <p>{say("blocks/about")}</p>
      {of.length === 0 ? (
        <Empty>{say("blocks/none")}</Empty>
      ) : (
        <>
          <Bars of={of.toReversed()} />
          <details>
            <summary>{say("blocks/as_table")}</summary>
            <Rows
              caption={say("blocks/title")}
              columns={[say("blocks/block"), say("blocks/made"), say("blocks/after")]}
              of={of.map((each) => ({
                key: String(each.height),
                cells: [
                  <Link key="to" to={path(`explorer/blocks/${each.height}`)}>
                    {each.height}
                  </Link>,
                  <Moment key="at" at={each.time} />,
                  duration(each.gap, language),
                ],
              }))}
            />
          </details>
        </>
      )}
    </section>
  );
}

/** From the oldest to the newest; the table has the same in numbers. */
function Bars({ of }: { of: readonly Gap[] }): ReactNode {
  const say = useText("portal_operator");
  const language = useLanguage();
  const name = useId();
  const longest = Math.max(1, ...of.map((each) => each.gap));
  const middle = median(of.map((each) => each.gap)) ?? 0;
  return (
    <>
      <p id={name}>
        {say("blocks/drawn", {
          count: of.length,
          middle: duration(middle, language),
          longest: duration(longest, language),
        })}
      </p>
      <svg
        viewBox={`0 0 ${of.length * WIDE} ${HIGH}`}
        role="img"
        aria-labelledby={name}
        preserveAspectRatio="none"
        width="100%"
        height={HIGH}
      >
        {of.map((each, at) => {
          const high = Math.max(2, (each.gap / longest) * HIGH);
          return (
            <rect
              key={each.height}
              x={at * WIDE + 3}
              y={HIGH - high}
              width={WIDE - 6}
              height={high}
              fill="var(--brand)"
            />
          );
        })}
      </svg>
    </>
  );
}
