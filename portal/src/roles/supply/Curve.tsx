/** Temperatures over time as a drawing; who does not see it has the same numbers in the table. */
import type { ReactNode } from "react";

import type { AnswerOf } from "../../api";
import { moment } from "../../components/Moment";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { degrees } from "./degrees";

type Readings = AnswerOf<"/v1/organisations/{organisation}/supply/temperatures/readings">;

const WIDTH = 640;
const HEIGHT = 240;
const LEFT = 48;
const ABOVE = 12;
const BELOW = 28;
/** Hundredths of a degree that stay free above and below. */
const AIR = 100;

export function Curve({ of }: { of: Readings }): ReactNode {
  const say = useText("portal_supply");
  const language = useLanguage();
  const { readings, floor, ceiling } = of;
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) return null;
  const lowest = Math.min(...readings.map((each) => each.lowest));
  const highest = Math.max(...readings.map((each) => each.highest));
  const bottom = Math.min(lowest, floor ?? lowest) - AIR;
  const top = Math.max(highest, ceiling ?? highest) + AIR;
  const length = Math.max(1, last.at - first.at);
  const x = (at: number): number => LEFT + ((at - first.at) / length) * (WIDTH - LEFT - 8);
  const y = (value: number): number =>
    ABOVE + ((top - value) / (top - bottom)) * (HEIGHT - ABOVE - BELOW);
  const line = (of: (each: (typeof readings)[number]) => number): string =>
    readings.map((each) => `${x(each.at).toFixed(1)},${y(of(each)).toFixed(1)}`).join(" ");
  const marks = [...new Set([lowest, highest, floor, ceiling])].filter((each) => each !== null);
  return (
    <svg
      className="curve"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={say("temperatures/curve", { lowest: degrees(lowest), highest: degrees(highest) })}
    >
      {floor === null || ceiling === null ? null : (
        <rect
          x={LEFT}
          y={y(ceiling)}
          width={WIDTH - LEFT - 8}
          height={y(floor) - y(ceiling)}
          fill="var(--green-paper)"
          stroke="var(--green-ink)"
          strokeDasharray="6 4"
        />
      )}
      {[line((each) => each.highest), line((each) => each.lowest)].map((points, at) => (
        <polyline key={at} points={points} fill="none" stroke="var(--brand)" strokeWidth="2" />
      ))}
      {readings.map((each, at) => (
        <circle key={at} cx={x(each.at)} cy={y(each.highest)} r="3" fill="var(--brand)" />
      ))}
      {marks.map((each) => (
        <text key={each} x={LEFT - 6} y={y(each) + 4} textAnchor="end" fontSize="13" fill="var(--ink)">
          {degrees(each)}
        </text>
      ))}
      <text x={LEFT} y={HEIGHT - 6} fontSize="13" fill="var(--ink)">
        {moment(first.at, language)}
      </text>
      {last === first ? null : (
        <text x={WIDTH - 8} y={HEIGHT - 6} textAnchor="end" fontSize="13" fill="var(--ink)">
          {moment(last.at, language)}
        </text>
      )}
    </svg>
  );
}
