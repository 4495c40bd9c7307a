# Records.

resource Record {
  permissions = ["create", "view", "amend", "export", "seal", "unseal"];
  relations = {department: Department};

  "seal" if "head" on "department";
  "unseal" if "head" on "department";
}

has_relation(department: Department, "department", record: Record) if department = record.department;

# H1, H2
has_permission(staff: Staff, "view", record: Record) if treats(staff, record);
has_permission(staff: Staff, "amend", record: Record) if
  cares(staff, record.patient) and
  staff.grade in ["physician", "resident"] and
  record.editable_until > context.now;
has_permission(staff: Staff, "amend", record: Record) if attends(staff, record.patient);
has_permission(staff: Staff, "export", record: Record) if attends(staff, record.patient);

treats(staff: Staff, record: Record) if cares(staff, record.patient);
treats(staff: Staff, record: Record) if attends(staff, record.patient);

# H3
allow(staff: Staff, action: Action{name: "view"}, _: Record) if breaks_glass(staff, action);

breaks_glass(staff: Staff, action: Action) if
  action.emergency = true and
  action.justification.exists = true and
  staff.grade = "physician" and
  licensed(staff) and
  staff.on_shift.exists = true;

oblige(staff: Staff, action: Action{name: "view"}, record: Record, "notify_privacy") if
  breaks_glass(staff, action) and not treats(staff, record);
oblige(staff: Staff, action: Action{name: "view"}, record: Record, "justify") if
  breaks_glass(staff, action) and not treats(staff, record);

# H4
forbid(subject, action: Action, record: Record{sealed: true}, "sealed") if
  action.name in ["view", "amend", "export"] and
  not record.author = subject;

# H5
forbid(staff: Staff, action: Action, record: Record, "no_consent") if
  action.name in ["view", "export"] and
  record.category in ["psychiatric", "genetic"] and
  not consented(record) and
  not (action.name = "view" and breaks_glass(staff, action));

consented(record: Record) if
  consent := record.patient.consent(record.category) and
  consent.status = "granted" and
  (consent.until.exists = false or consent.until > context.now);

# H7
forbid(staff: Staff, _: Action{name: "view"}, record: Record, "own_record") if
  staff.email = record.patient.email;

# H8
forbid(_, action: Action{name: "export"}, _: Record, "too_many_pages") if
  not (action.pages >= 1 and action.pages <= settings.most_pages);
forbid(_, action: Action{name: "export"}, _: Record, "format_missing") if
  action.format.exists = false;

# H10
has_permission(staff: Staff, "create", record: Record) if
  staff.grade = "physician" and treats(staff, record);
forbid(staff: Staff, _: Action{name: "create"}, record: Record, "not_staffed") if
  not record.department.staffed_by(staff).exists = true;

# H12
has_permission(patient: Patient, permission: String, record: Record) if
  permission in ["view", "export"] and
  record.patient = patient;

# H15
forbid(_, _: Action{name: "amend"}, record: Record, "discharged") if
  record.patient.discharged_at <= context.now;
