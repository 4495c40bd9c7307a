# Prescriptions.

resource Prescription {
  permissions = ["create", "view"];
}

has_permission(staff: Staff, "create", prescription: Prescription) if
  staff.grade = "physician" and
  (cares(staff, prescription.patient) or attends(staff, prescription.patient));

has_permission(patient: Patient, "view", prescription: Prescription) if
  prescription.patient = patient;
has_permission(staff: Staff, "view", prescription: Prescription) if
  cares(staff, prescription.patient);

# H11
forbid(staff: Staff, _: Action{name: "create"}, _: Prescription, "licence") if not licensed(staff);
forbid(staff: Staff, _: Action{name: "create"}, prescription: Prescription, "dose_too_high") if
  not (prescription.dose > 0 and prescription.dose <= staff.max_dose);
forbid(_: Staff, _: Action{name: "create"}, prescription: Prescription, "too_long") if
  not prescription.days <= settings.most_days;
