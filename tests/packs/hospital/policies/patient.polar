# Charts and stays of patients.

resource Patient {
  permissions = ["view_chart", "discharge", "transfer"];
}

has_permission(staff: Staff, "view_chart", patient: Patient) if cares(staff, patient);
has_permission(staff: Staff, "view_chart", patient: Patient) if attends(staff, patient);
has_permission(patient: Patient, "view_chart", patient: Patient);
has_permission(staff: Staff, "discharge", patient: Patient) if attends(staff, patient);

# H13
allow(staff: Staff, action: Action{name: "transfer"}, patient: Patient) if
  patient.attending = staff and
  has_role(staff, "head", action.to);
