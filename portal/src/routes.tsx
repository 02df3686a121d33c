/** Who finds which pages. A role is one line here, a folder below `roles/`, and its text file. */
import type { Role } from "./role";
import { role as account } from "./roles/account";
import { role as carer } from "./roles/carer";
import { role as operator } from "./roles/operator";
import { role as desk } from "./roles/desk";
import { role as doctor } from "./roles/doctor";
import { role as patient } from "./roles/patient";
import { role as everyone } from "./roles/public";
import { role as regulator } from "./roles/regulator";
import { role as story } from "./roles/story";
import { role as supply } from "./roles/supply";
import { role as training } from "./roles/training";

export const ROLES: readonly Role[] = [
  everyone,
  story,
  doctor,
  desk,
  account,
  patient,
  carer,
  operator,
  regulator,
  supply,
  training,
];
