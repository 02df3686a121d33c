/** Which packs of which product are called back, how grave it is, and why. Nothing is chosen beforehand. */
import { Button, NativeSelect, Radio, Stack, Textarea, TextInput } from "@mantine/core";
import { useQueries } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { useText } from "../../text";
import { GRADES, REASONS, SCOPES, type Typed, type Wanted, wantedOf } from "./recall";
import { productQuery } from "./traders";

interface Props {
  readonly typed: Typed;
  readonly change: (typed: Typed) => void;
  /** The products to choose from; undefined where any may be named. */
  readonly products: readonly string[] | undefined;
  readonly done: (wanted: Wanted) => void;
}

export function RecallFields({ typed, change, products, done }: Props): ReactNode {
  const say = useText("portal_regulator");
  const values = useText("portal_values");
  const [wrong, setWrong] = useState<keyof Typed>();
  const go = (event: SyntheticEvent): void => {
    event.preventDefault();
    const read = wantedOf(typed);
    setWrong(typeof read === "string" ? read : undefined);
    if (typeof read !== "string") done(read);
  };
  const fault = (field: keyof Typed): string | undefined =>
    wrong === field ? say(`recall_new/wrong/${field}`) : undefined;
  const set = (some: Partial<Typed>): void => {
    change({ ...typed, ...some });
  };
  const choose = { value: "", label: say("recall_new/choose") };
  return (
    <form onSubmit={go} noValidate>
      <Stack gap="md" align="flex-start">
        <p>{say("recall_new/about")}</p>
        <Product typed={typed} set={set} products={products} fault={fault("gtin")} />
        <Radio.Group
          label={say("recall_new/scope")}
          value={typed.scope}
          error={fault("scope")}
          size="md"
          onChange={(scope) => {
            set({ scope });
          }}
        >
          {SCOPES.map((each) => (
            <Radio key={each} value={each} label={say(`recall_new/scopes/${each}`)} size="md" my="sm" />
          ))}
        </Radio.Group>
        {typed.scope === "lots" || typed.scope === "serials" ? (
          <Textarea
            label={say(`recall_new/numbers/${typed.scope}`)}
            description={say("recall_new/numbers/about")}
            value={typed.numbers}
            error={fault("numbers")}
            autosize
            minRows={3}
            w="100%"
            spellCheck={false}
            onChange={(event) => {
              set({ numbers: event.currentTarget.value });
            }}
          />
        ) : null}
        <NativeSelect
          label={say("recall_new/grade")}
          size="lg"
          value={typed.grade}
          error={fault("grade")}
          data={[choose, ...GRADES.map((each) => ({ value: String(each), label: say(`recall_new/grades/${each}`) }))]}
          onChange={(event) => {
            set({ grade: event.currentTarget.value });
          }}
        />
        <NativeSelect
          label={say("recall_new/reason")}
          size="lg"
          value={typed.reason}
          error={fault("reason")}
          data={[choose, ...REASONS.map((value) => ({ value, label: values(`words/${value}`) }))]}
          onChange={(event) => {
            set({ reason: event.currentTarget.value });
          }}
        />
        <Button type="submit" size="lg">
          {say("recall_new/review")}
        </Button>
      </Stack>
    </form>
  );
}

interface ProductProps extends Pick<Props, "typed" | "products"> {
  readonly set: (some: Partial<Typed>) => void;
  readonly fault: string | undefined;
}

function Product({ typed, set, products, fault }: ProductProps): ReactNode {
  const say = useText("portal_regulator");
  const names = useQueries({ queries: (products ?? []).map((gtin) => productQuery(gtin)) });
  if (products === undefined) {
    return (
      <TextInput
        label={say("trace/fields/gtin")}
        size="lg"
        name="gtin"
        inputMode="numeric"
        maxLength={14}
        autoComplete="off"
        value={typed.gtin}
        error={fault}
        onChange={(event) => {
          set({ gtin: event.currentTarget.value });
        }}
      />
    );
  }
  const named = products.map((value, at) => {
    const name = names[at]?.data?.value.name;
    return { value, label: typeof name === "string" ? `${name} ${value}` : value };
  });
  return (
    <NativeSelect
      label={say("recalls/product")}
      size="lg"
      value={typed.gtin}
      error={fault}
      data={[{ value: "", label: say("recall_new/choose") }, ...named]}
      onChange={(event) => {
        set({ gtin: event.currentTarget.value });
      }}
    />
  );
}
