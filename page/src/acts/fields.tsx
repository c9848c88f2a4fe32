// The fields of a request, each with its label, its help, and what is wrong with it.
import type { JSX, TargetedEvent } from "preact";
import { useId } from "preact/hooks";

import { zone } from "../live/clock.js";
import { queues } from "../live/queues.js";
import { nameOf } from "../model/queue.js";
import { priorityWord } from "../model/words.js";
import { type Edits, type FieldName, type FieldSpec, type Faults, PRIORITIES, type Values } from "./request-form.js";

export interface FormProps {
  fields: readonly FieldSpec[];
  /** What is there without the edits. */
  base: Values;
  edits: Edits;
  faults: Faults;
  onEdit: (name: FieldName, value: string) => void;
  /** Why fields cannot be changed now. */
  fixed?: Readonly<Partial<Record<FieldName, string>>>;
  /** How things stand where a field is empty. */
  notes?: Readonly<Partial<Record<FieldName, string>>>;
  /** Targets are not shown: an empty field keeps what is there. */
  hidden?: ReadonlySet<FieldName>;
}

export function Fields(props: FormProps): JSX.Element {
  return (
    <div class="fields">
      {props.fields.map((spec, index) => (
        <Field
          key={spec.name}
          spec={spec}
          value={props.edits[spec.name] ?? props.base[spec.name]}
          faults={props.faults[spec.name] ?? []}
          fixed={props.fixed?.[spec.name] ?? ""}
          note={props.notes?.[spec.name] ?? ""}
          isHidden={props.hidden?.has(spec.name) ?? false}
          isFirst={index === 0}
          onEdit={(value) => props.onEdit(spec.name, value)}
        />
      ))}
    </div>
  );
}

interface FieldProps {
  spec: FieldSpec;
  value: string;
  faults: readonly string[];
  fixed: string;
  note: string;
  isHidden: boolean;
  isFirst: boolean;
  onEdit: (value: string) => void;
}

function Field({ spec, value, faults, fixed, note, isHidden, isFirst, onEdit }: FieldProps): JSX.Element {
  const id = useId();
  const help = [helpOf(spec, isHidden), note].filter(Boolean).join(". ");
  const described = [help !== "" && `${id}-help`, fixed !== "" && `${id}-fixed`, faults.length > 0 && `${id}-fault`];
  const control = {
    id,
    name: spec.name,
    "aria-invalid": faults.length > 0,
    "aria-required": spec.required ?? false,
    "aria-describedby": described.filter(Boolean).join(" "),
    readOnly: fixed !== "",
    ...(isFirst && { "data-first": "" }),
  };
  return (
    <div class={`field ${spec.kind}${faults.length > 0 ? " faulty" : ""}`}>
      <label for={id}>
        {spec.label}
        {spec.kind === "moment" && <span class="sub"> ({zone})</span>}
        {spec.required && !isHidden && <span class="sub"> required</span>}
      </label>
      <Control spec={spec} value={value} fixed={fixed !== ""} control={control} onEdit={onEdit} />
      {help !== "" && (
        <p class="note" id={`${id}-help`}>
          {help}
        </p>
      )}
      {fixed !== "" && (
        <p class="note" id={`${id}-fixed`}>
          {fixed}
        </p>
      )}
      {faults.length > 0 && (
        <p class="fault" id={`${id}-fault`}>
          {faults.join("; ")}
        </p>
      )}
    </div>
  );
}

function helpOf(spec: FieldSpec, isHidden: boolean): string {
  if (isHidden) return "Hidden here. Empty: it stays as it is";
  return spec.help ?? "";
}

type Edited = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function Control(props: {
  spec: FieldSpec;
  value: string;
  fixed: boolean;
  control: Record<string, unknown>;
  onEdit: (value: string) => void;
}): JSX.Element {
  const { spec, value, fixed, control } = props;
  const onInput = (event: TargetedEvent<Edited>): void => props.onEdit(event.currentTarget.value);
  switch (spec.kind) {
    case "service":
    case "priority":
      return (
        <select {...control} value={value} disabled={fixed} onInput={onInput}>
          <option value="">Choose</option>
          {(spec.kind === "service" ? services() : priorities()).map(([key, word]) => (
            <option key={key} value={key}>
              {word}
            </option>
          ))}
        </select>
      );
    case "labels":
      return <textarea {...control} rows={3} value={value} onInput={onInput} spellcheck={false} />;
    case "moment":
      return <input {...control} type="datetime-local" step={1} value={value} onInput={onInput} />;
    case "number":
      return <input {...control} type="text" inputMode="numeric" value={value} onInput={onInput} />;
    default:
      return (
        <input
          {...control}
          type="text"
          dir="auto"
          autocomplete="off"
          value={value}
          {...(spec.kind === "uri" && { inputMode: "tel", spellcheck: false })}
          onInput={onInput}
        />
      );
  }
}

function services(): [string, string][] {
  return [...queues.value.values()].map(({ service }) => [
    service.serviceId,
    service.displayName === "" ? nameOf(service) : `${nameOf(service)} · ${service.sipAddress}`,
  ]);
}

function priorities(): [string, string][] {
  return PRIORITIES.map((priority) => [String(priority), priorityWord(priority)]);
}
